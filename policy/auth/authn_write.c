/* What the gate says of Digest: its challenges, and its own proof. */
#include "policy/auth/authn.h"
#include "policy/auth/authparam.h"
#include "policy/auth/digest.h"

/* No domain: without one the nonce serves all of this host (RFC 7616 3.3), and no browser takes it
 * to another. */
void authn_write_challenge(const struct authn_ctx *ctx, bool stale,
                           const uint8_t random[NONCE_RANDOM_LEN], struct outbuf *out) {
    char text[NONCE_TEXT_MAX];
    struct outbuf nonce;
    outbuf_init(&nonce, text, sizeof(text));
    nonce_issue(ctx->nonces, ctx->hasher, ctx->now_ms, random, &nonce);
    for (size_t i = 0; i < ctx->digest->algorithm_count; i++) {
        outbuf_put(out, STR("WWW-Authenticate: Digest "));
        authparam_put_quoted(out, STR("realm"), ctx->digest->realm);
        outbuf_put(out, STR(", qop=\"auth\", algorithm="));
        outbuf_put(out, hash_name(ctx->digest->algorithms[i]));
        outbuf_put(out, STR(", nonce=\""));
        outbuf_put(out, outbuf_str(&nonce));
        outbuf_char(out, '"');
        if (ctx->digest->opaque.len > 0)
            authparam_put_quoted(out, STR(", opaque"), ctx->digest->opaque);
        outbuf_put(out, STR(", charset=UTF-8, userhash=true"));
        if (stale) outbuf_put(out, STR(", stale=true"));
        outbuf_put(out, STR("\r\n"));
    }
}

/* The life that was left is less than its last part. */
static bool is_near_end(const struct authn_ctx *ctx, const struct authn_proof *proof) {
    uint64_t lifetime = ctx->digest->nonce_lifetime_ms;
    uint64_t end = nonce_issued_ms(proof->nonce) + lifetime;
    return end < proof->at_ms + lifetime / AUTHN_NEXTNONCE_PART;
}

void authn_write_info(const struct authn_ctx *ctx, const struct authn_result *result,
                      const uint8_t random[NONCE_RANDOM_LEN], struct outbuf *out) {
    const struct authn_proof *proof = &result->proof;
    if (result->verdict != AUTHN_OK || result->user == NULL || proof->uri.len == 0) return;
    const struct digest_input input = {.algorithm = result->algorithm,
                                       .method = STR(""),
                                       .uri = proof->uri,
                                       .nonce = proof->nonce,
                                       .nc = proof->nc,
                                       .cnonce = proof->cnonce,
                                       .qop_auth = true};
    uint8_t rspauth[HASH_MAX_LEN];
    if (!digest_response(ctx->hasher, &input, result->user->ha1[result->algorithm], rspauth))
        return;
    outbuf_put(out, STR("Authentication-Info: rspauth=\""));
    outbuf_hex(out, rspauth, hash_len(result->algorithm));
    outbuf_put(out, STR("\", qop=auth, cnonce=\""));
    outbuf_put(out, proof->cnonce);
    outbuf_put(out, STR("\", nc="));
    outbuf_put(out, proof->nc);
    if (is_near_end(ctx, proof)) {
        outbuf_put(out, STR(", nextnonce=\""));
        nonce_issue(ctx->nonces, ctx->hasher, proof->at_ms, random, out);
        outbuf_char(out, '"');
    }
    outbuf_put(out, STR("\r\n"));
}
