#include "policy/auth/digest.h"

#include "policy/base/bytes.h"
#include "policy/base/outbuf.h"

bool digest_response(struct hasher *h, const struct digest_input *input,
                     const uint8_t ha1[HASH_MAX_LEN], uint8_t out[HASH_MAX_LEN]) {
    size_t hex_len = 2 * hash_len(input->algorithm);
    char ha1_hex[HASH_MAX_HEX];
    char ha2_hex[HASH_MAX_HEX];
    struct outbuf ha1_text;
    outbuf_init(&ha1_text, ha1_hex, sizeof(ha1_hex));
    outbuf_hex(&ha1_text, ha1, hash_len(input->algorithm));

    const struct str colon = STR(":");
    const struct str a2[] = {input->method, colon, input->uri};
    bool done = hash_parts_hex(h, input->algorithm, a2, ARRAY_LEN(a2), ha2_hex);
    const struct str secret = {ha1_hex, hex_len};
    const struct str ha2 = {ha2_hex, hex_len};
    if (done && input->qop_auth) {
        const struct str parts[] = {secret, colon,         input->nonce,  colon, input->nc,
                                    colon,  input->cnonce, STR(":auth:"), ha2};
        done = hash_parts(h, input->algorithm, parts, ARRAY_LEN(parts), out);
    } else if (done) {
        const struct str parts[] = {secret, colon, input->nonce, colon, ha2};
        done = hash_parts(h, input->algorithm, parts, ARRAY_LEN(parts), out);
    }
    bytes_wipe(ha1_hex, sizeof(ha1_hex));
    return done;
}
