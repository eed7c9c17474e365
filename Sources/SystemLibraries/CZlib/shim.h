// SPDX-License-Identifier: MIT
#ifndef ATTNBENCH_CZLIB_SHIM_H
#define ATTNBENCH_CZLIB_SHIM_H

#include <zlib.h>

/// Starts raw inflation (a zip entry has no zlib header); `inflateInit2` is a macro Swift cannot see.
static inline int attn_inflate_init_raw(z_stream *stream) {
  return inflateInit2(stream, -MAX_WBITS);
}

/// Starts raw deflation at zlib's default level; `deflateInit2` is a macro Swift cannot see.
static inline int attn_deflate_init_raw(z_stream *stream) {
  return deflateInit2(stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
}

#endif
