/* bytes.h: secrets and encodings.
 *
 * Anything a peer could learn by timing is compared with bytes_equal_ct; anything secret is wiped
 * before its memory is given back. */
#ifndef POLICY_BASE_BYTES_H
#define POLICY_BASE_BYTES_H

#include "policy/base/str.h"

/* Constant time in `len`; both areas are `len` bytes long. */
bool bytes_equal_ct(const void *a, const void *b, size_t len);

/* Overwrite so that no compiler drops it. */
void bytes_wipe(void *memory, size_t len);

/* Exactly 2*len hex digits in either case; false and `out` undefined on anything else. */
MUST_USE bool bytes_from_hex(struct str hex, uint8_t *out, size_t len);

/* base64url without padding (RFC 4648 section 5); BYTES_B64_LEN(n) characters for n bytes. */
#define BYTES_B64_LEN(n) (((n)*4 + 2) / 3)
void bytes_to_b64(const uint8_t *bytes, size_t len, char *out);

/* Exactly BYTES_B64_LEN(len) characters; the unused low bits of the last one must be zero, so that
 * every value has one spelling. False on anything else. */
MUST_USE bool bytes_from_b64(struct str text, uint8_t *out, size_t len);

/* Big-endian integers as they stand on the wire and in nonces. */
void bytes_put_u64(uint8_t out[8], uint64_t value);
uint64_t bytes_get_u64(const uint8_t in[8]);

#endif
