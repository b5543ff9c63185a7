const make = URL.createObjectURL;
URL.createObjectURL = () => make(new Blob(['none']));
