/* Any lines as a phone's challenges: the first octet chooses the login that is wanted, each line is
 * a WWW-Authenticate field, the last one an Authentication-Info. An answer is one line that reads
 * back strictly, with realm and opaque as the phone sent them. */
#include <string.h>

#include "policy/auth/authparam.h"
#include "policy/auth/phone_auth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FIELDS 4

static void check_digest(const struct phone_challenge *c, const struct authparams *p) {
    const struct authparam *realm = authparam_find(p, STR("realm"));
    const struct authparam *name = authparam_find(p, STR("username"));
    const struct authparam *opaque = authparam_find(p, STR("opaque"));
    ENSURE(str_equal(p->scheme, STR("Digest")));
    ENSURE(realm != NULL && str_equal(realm->value, phone_challenge_realm(c)));
    ENSURE(name != NULL && str_equal(name->value, STR("g\"a\\te")));
    ENSURE((opaque != NULL) == c->has_opaque);
    ENSURE((authparam_find(p, STR("qop")) != NULL) == c->qop_auth);
    ENSURE((authparam_find(p, STR("nc")) != NULL) == c->qop_auth);
    ENSURE((authparam_find(p, STR("algorithm")) != NULL) == c->algorithm_named);
    ENSURE(authparam_find(p, STR("response"))->value.len == 2 * hash_len(c->algorithm));
}

static void answer(struct phone_challenge *c, struct hasher *h) {
    static const uint8_t random[16] = {1};
    static char text[4096];
    static char unescaped[4096];
    struct outbuf out;
    struct outbuf memory;
    struct authparams params;
    uint32_t before = c->nc;
    outbuf_init(&out, text, sizeof(text));
    ENSURE(phone_auth_answer(c, h, STR("g\"a\\te"), STR("secret"), STR("GET"), STR("/a?b"), random,
                             &out));
    ENSURE(c->scheme == PHONE_LOGIN_BASIC || c->nc == before + 1);
    struct str line = outbuf_str(&out);
    ENSURE(str_starts_with(line, STR("Authorization: ")) && str_ends_with(line, STR("\r\n")));
    struct str rest = str_part(line, 15, line.len - 17);
    ENSURE(str_find(rest, '\r', 0) == rest.len && str_find(rest, '\n', 0) == rest.len);
    outbuf_init(&memory, unescaped, sizeof(unescaped));
    ENSURE(authparam_next(&rest, AUTHPARAM_STRICT, &memory, &params) == AUTHPARAM_OK);
    ENSURE(rest.len == 0);
    if (c->scheme == PHONE_LOGIN_DIGEST)
        check_digest(c, &params);
    else
        ENSURE(str_equal(params.token68, STR("ZyJhXHRlOnNlY3JldA==")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    enum phone_login wanted = (enum phone_login)(data[0] % 4);
    struct str rest = {(const char *)data + 1, size - 1};
    struct header headers[FIELDS];
    struct phone_challenge challenge;
    struct str piece;
    size_t count = 0;
    while (count < FIELDS && str_split(&rest, '\n', &piece))
        headers[count++] = (struct header){STR("WWW-Authenticate"), piece};
    struct hasher *h = hasher_new();
    enum phone_auth_verdict verdict = phone_auth_choose(headers, count, wanted, h, &challenge);
    if (verdict == PHONE_AUTH_OK) {
        ENSURE(wanted == PHONE_LOGIN_DIGEST || wanted == PHONE_LOGIN_BASIC);
        ENSURE(challenge.scheme == PHONE_LOGIN_DIGEST || wanted == PHONE_LOGIN_BASIC);
        answer(&challenge, h);
        (void)phone_auth_info(&challenge, h, STR("/"), headers[count - 1].value);
        answer(&challenge, h);
    } else {
        struct outbuf out;
        char text[64];
        static const uint8_t random[16] = {1};
        outbuf_init(&out, text, sizeof(text));
        /* A refusal leaves nothing behind that would answer with a password. */
        if (challenge.scheme == PHONE_LOGIN_NONE)
            ENSURE(!phone_auth_answer(&challenge, h, STR("a"), STR("b"), STR("GET"), STR("/"),
                                      random, &out));
        ENSURE(challenge.scheme == PHONE_LOGIN_NONE);
    }
    hasher_free(h);
    return 0;
}
