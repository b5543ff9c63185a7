from dashboard.decoding.buffers import Bytes

def read_into(
    fd: int, offsets: list[int], outs: list[Bytes], /
) -> tuple[list[int], float, float]: ...
