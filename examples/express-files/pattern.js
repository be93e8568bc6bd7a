const block = Buffer.alloc(64 * 1024 - 1, 'panoply: the whole suit; ');

/** Yields exactly `bytes` bytes of a fixed pattern, a block at a time. */
export function* pattern(bytes) {
  let left = bytes;
  for (; left >= block.length; left -= block.length) {
    yield block;
  }
  if (left > 0) {
    yield block.subarray(0, left);
  }
}
