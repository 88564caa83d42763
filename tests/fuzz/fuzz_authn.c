/* Any octets as Authorization. \x01 stands for a nonce of this gate, \x02 for the right response of
 * alice to it (GET /a?x=1, nc 00000001, cnonce "c") and \x03 for the hash of her name, which no
 * fuzzer guesses. Whatever comes, nobody gets in without that response, nobody twice, a refusal
 * proves nobody, and the gate proves itself to nobody else. */
#include <string.h>

#include "policy/auth/authn.h"
#include "policy/auth/authparam.h"
#include "policy/auth/digest.h"
#include "policy/base/bytes.h"

#define NOW 1000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct gate {
    struct hasher *hasher;
    struct users *users;
    struct digest_settings digest;
    struct nonce_table *nonces;
    struct authn_ctx ctx;
    char nonce[NONCE_TEXT_MAX];
    char response[HASH_MAX_HEX];
    char name_hash[HASH_MAX_HEX];
};

static const uint64_t hash_key[2] = {1, 2};

static void open_gate(struct gate *g) {
    static const uint8_t key[NONCE_KEY_LEN] = {3};
    static const uint8_t random[NONCE_RANDOM_LEN] = {4};
    uint8_t ha1[HASH_MAX_LEN];
    uint8_t response[HASH_MAX_LEN];
    char line[256];
    struct outbuf out;
    *g = (struct gate){.hasher = hasher_new(), .users = users_new(STR("r"), hash_key)};
    g->digest = (struct digest_settings){.realm = STR("r"),
                                         .algorithms = {HASH_SHA256, HASH_MD5},
                                         .algorithm_count = 2,
                                         .nonce_lifetime_ms = 1000};
    g->nonces = nonce_table_new(4, key, 5, hash_key, (struct policy_lock){0});
    g->ctx = (struct authn_ctx){.users = g->users,
                                .digest = &g->digest,
                                .nonces = g->nonces,
                                .hasher = g->hasher,
                                .now_ms = NOW};
    ENSURE(users_ha1(g->hasher, HASH_SHA256, STR("alice"), STR("r"), STR("secret"), ha1));
    outbuf_init(&out, line, sizeof(line));
    outbuf_put(&out, STR("alice:r:"));
    outbuf_hex(&out, ha1, sizeof(ha1));
    ENSURE(users_add_line(g->users, outbuf_str(&out)) == USERS_LINE_OK);
    ENSURE(users_add_line(g->users, STR("bob:r:00112233445566778899aabbccddeeff")) ==
           USERS_LINE_OK);
    users_hash_names(g->users, g->hasher);
    const struct str name = STR("alice:r");
    ENSURE(hash_parts_hex(g->hasher, HASH_SHA256, &name, 1, g->name_hash));
    outbuf_init(&out, g->nonce, sizeof(g->nonce));
    nonce_issue(g->nonces, g->hasher, NOW, random, &out);
    const struct digest_input input = {.algorithm = HASH_SHA256,
                                       .method = STR("GET"),
                                       .uri = STR("/a?x=1"),
                                       .nonce = {g->nonce, sizeof(g->nonce)},
                                       .nc = STR("00000001"),
                                       .cnonce = STR("c"),
                                       .qop_auth = true};
    ENSURE(digest_response(g->hasher, &input, ha1, response));
    outbuf_init(&out, g->response, sizeof(g->response));
    outbuf_hex(&out, response, sizeof(response));
}

static void close_gate(struct gate *g) {
    users_free(g->users);
    hasher_free(g->hasher);
    nonce_table_free(g->nonces);
}

/* One line that reads back, or nothing. */
static void check_info(struct gate *g, const struct authn_result *result) {
    static const uint8_t random[NONCE_RANDOM_LEN] = {9};
    char text[AUTHN_INFO_MAX];
    char unescaped[AUTHN_INFO_MAX];
    struct outbuf out, memory;
    struct authparams params;
    outbuf_init(&out, text, sizeof(text));
    outbuf_init(&memory, unescaped, sizeof(unescaped));
    authn_write_info(&g->ctx, result, random, &out);
    ENSURE(!out.full);
    if (result->verdict != AUTHN_OK) ENSURE(out.len == 0);
    if (out.len == 0) return;
    struct str head = STR("Authentication-Info: ");
    struct str line = str_part(outbuf_str(&out), head.len, out.len - head.len - 2);
    ENSURE(authparam_list(line, AUTHPARAM_STRICT, &memory, &params) == AUTHPARAM_OK);
    ENSURE(params.count == 4);
    ENSURE(memchr(line.ptr, '\r', line.len) == NULL && memchr(line.ptr, '\n', line.len) == NULL);
}

static void check(struct gate *g, const struct request_view *req, struct authn_result *result) {
    struct str value = req->headers[0].value;
    authn_check(&g->ctx, req, result);
    bool proven = result->verdict == AUTHN_OK || result->verdict == AUTHN_STALE;
    ENSURE((result->user != NULL) == proven);
    ENSURE((result->verdict == AUTHN_OK) == (result->reason == AUTHN_REASON_OK));
    if (proven) {
        ENSURE(str_equal(result->user->name, STR("alice")));
        ENSURE(memmem(value.ptr, value.len, g->nonce, sizeof(g->nonce)) != NULL);
        ENSURE(result->claimed_is_known && !result->counts_as_failure);
    }
    if (result->counts_as_failure) ENSURE(result->verdict == AUTHN_CHALLENGE);
    ENSURE(result->claimed.len <= AUTHN_CLAIMED_MAX);
    if (result->claimed_is_known) {
        ENSURE(users_find(g->users, result->claimed) != NULL);
    } else if (result->claimed.len > 0) {
        ENSURE(result->claimed.ptr >= value.ptr);
        ENSURE(result->claimed.ptr + result->claimed.len <= value.ptr + value.len);
    }
    check_info(g, result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char text[8192];
    struct gate g;
    struct outbuf value;
    struct authn_result result;
    open_gate(&g);
    outbuf_init(&value, text, sizeof(text));
    for (size_t i = 0; i < size; i++) {
        if (data[i] == 1)
            outbuf_put(&value, (struct str){g.nonce, sizeof(g.nonce)});
        else if (data[i] == 2)
            outbuf_put(&value, (struct str){g.response, sizeof(g.response)});
        else if (data[i] == 3)
            outbuf_put(&value, (struct str){g.name_hash, sizeof(g.name_hash)});
        else
            outbuf_char(&value, (char)data[i]);
    }
    const struct header header = {STR("Authorization"), outbuf_str(&value)};
    const struct request_view req = {.method = METHOD_GET,
                                     .method_name = STR("GET"),
                                     .target = STR("/a?x=1"),
                                     .path = STR("/a"),
                                     .query = STR("x=1"),
                                     .headers = &header,
                                     .header_count = 1};
    check(&g, &req, &result);
    if (result.verdict == AUTHN_OK) {
        check(&g, &req, &result);
        ENSURE(result.reason == AUTHN_REASON_NC_REPLAYED);
        g.ctx.now_ms += 1001;
        check(&g, &req, &result);
        ENSURE(result.reason == AUTHN_REASON_NONCE_EXPIRED);
    }
    close_gate(&g);
    return 0;
}
