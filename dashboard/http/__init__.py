"""HTTP/1.1 on sockets: complete requests in, complete answers out, no thread waiting for a client."""
