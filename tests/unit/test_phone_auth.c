/* Towards the phone: the C and B rows of tests/vectors/README.md that are pure text. */
#include "policy/auth/phone_auth.h"

#include "policy/auth/authparam.h"
#include "tests/unit/auth_helper.h"

static const uint8_t cnonce_bytes[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

struct phone {
    struct hasher *hasher;
    struct phone_challenge challenge;
    enum phone_auth_verdict verdict;
    char answer[2048];
    char memory[512];
    struct authparams params; /* of the last answer */
};

static int open_phone(void **state) {
    static struct phone phone;
    memset(&phone, 0, sizeof(phone));
    phone.hasher = hasher_new();
    *state = &phone;
    return 0;
}

static int close_phone(void **state) {
    struct phone *p = *state;
    hasher_free(p->hasher);
    return 0;
}

static enum phone_auth_verdict choose(struct phone *p, enum phone_login wanted, const char *first,
                                      const char *second) {
    const struct header headers[] = {{STR("Content-Type"), STR("text/html")},
                                     {STR("Www-Authenticate"), str_of(first)},
                                     {STR("WWW-AUTHENTICATE"), str_of(second)}};
    size_t count = first == NULL ? 1 : second == NULL ? 2 : 3;
    p->verdict = phone_auth_choose(headers, count, wanted, p->hasher, &p->challenge);
    return p->verdict;
}

static bool answer(struct phone *p, const char *user, const char *password, const char *uri) {
    struct outbuf out;
    struct outbuf unescaped;
    outbuf_init(&out, p->answer, sizeof(p->answer) - 1);
    if (!phone_auth_answer(&p->challenge, p->hasher, str_of(user), str_of(password), STR("GET"),
                           str_of(uri), cnonce_bytes, &out))
        return false;
    p->answer[out.len] = '\0';
    struct str line = outbuf_str(&out);
    assert_true(str_starts_with(line, STR("Authorization: ")));
    assert_true(str_ends_with(line, STR("\r\n")));
    assert_int_equal(str_find(line, '\r', 0), line.len - 2);
    struct str rest = str_part(line, 15, line.len - 17);
    outbuf_init(&unescaped, p->memory, sizeof(p->memory));
    assert_int_equal(authparam_next(&rest, AUTHPARAM_STRICT, &unescaped, &p->params), AUTHPARAM_OK);
    return true;
}

static const char *param(const struct phone *p, const char *name, bool quoted, char out[256]) {
    const struct authparam *found = authparam_find(&p->params, str_of(name));
    if (found == NULL) return NULL;
    assert_int_equal(found->quoted, quoted);
    (void)snprintf(out, 256, STR_FMT, STR_ARG(found->value));
    return out;
}

static void assert_param(const struct phone *p, const char *name, bool quoted, const char *want) {
    char got[256];
    const char *value = param(p, name, quoted, got);
    if (want == NULL) {
        assert_null(value);
        return;
    }
    assert_non_null(value);
    assert_string_equal(value, want);
}

/* The response must be what the test's own sums say about the answer as it stands. */
static void assert_response(const struct phone *p, enum hash_alg alg, const char *user,
                            const char *password, bool qop) {
    char fields[5][256];
    char want[65];
    const char *cnonce = param(p, "cnonce", true, fields[3]);
    const char *nc = param(p, "nc", false, fields[4]);
    const struct sums sums = {.alg = alg,
                              .user = user,
                              .realm = param(p, "realm", true, fields[0]),
                              .password = password,
                              .method = "GET",
                              .uri = param(p, "uri", true, fields[1]),
                              .nonce = param(p, "nonce", true, fields[2]),
                              .nc = or_else(nc, ""),
                              .cnonce = or_else(cnonce, "")};
    response_of(&sums, qop ? SUM_AUTH : SUM_NOQOP, want);
    assert_param(p, "response", true, want);
}

static void C01_C02_choice(void **state) {
    struct phone *p = *state;
    static const struct {
        const char *first, *second;
        enum phone_login wanted;
        enum phone_auth_verdict verdict;
        enum hash_alg alg; /* with OK and Digest */
    } rows[] = {
        {NULL, NULL, PHONE_LOGIN_DIGEST, PHONE_AUTH_NONE, 0},
        {"", NULL, PHONE_LOGIN_DIGEST, PHONE_AUTH_NONE, 0},
        {"Digest realm=r, nonce=n", NULL, PHONE_LOGIN_DIGEST, PHONE_AUTH_OK, HASH_MD5},
        {"DIGEST REALM=\"r\", NONCE=\"n\", ALGORITHM=md5", NULL, PHONE_LOGIN_DIGEST, PHONE_AUTH_OK,
         HASH_MD5},
        {"Digest realm=r, nonce=n, algorithm=SHA-256", "Digest realm=r, nonce=m, algorithm=MD5",
         PHONE_LOGIN_DIGEST, PHONE_AUTH_OK, HASH_SHA256},
        {"Digest realm=r, nonce=n", "Digest realm=r, nonce=m, algorithm=\"SHA-256\"",
         PHONE_LOGIN_DIGEST, PHONE_AUTH_OK, HASH_SHA256},
        {"Digest realm=r, nonce=n, qop=auth, Digest realm=r, nonce=m, algorithm=SHA-512-256", NULL,
         PHONE_LOGIN_DIGEST, PHONE_AUTH_OK, HASH_SHA512_256},
        {"Basic realm=r, Digest realm=r, nonce=n", NULL, PHONE_LOGIN_DIGEST, PHONE_AUTH_OK,
         HASH_MD5},
        {"Digest realm=r, nonce=n", "Basic realm=r", PHONE_LOGIN_BASIC, PHONE_AUTH_OK, HASH_MD5},
        {"Negotiate, NTLM, Digest realm=r, nonce=n", NULL, PHONE_LOGIN_DIGEST, PHONE_AUTH_OK,
         HASH_MD5},
        {"Basic realm=\"snom\"", NULL, PHONE_LOGIN_DIGEST, PHONE_AUTH_WEAKER, 0},
        {"Digest realm=r, nonce=n, algorithm=X", "Basic realm=r", PHONE_LOGIN_DIGEST,
         PHONE_AUTH_WEAKER, 0},
        {"Digest realm=r, nonce=n, algorithm=MD5-sess", NULL, PHONE_LOGIN_DIGEST,
         PHONE_AUTH_UNSUPPORTED, 0},
        {"Digest realm=r, nonce=n, qop=auth-int", NULL, PHONE_LOGIN_DIGEST, PHONE_AUTH_UNSUPPORTED,
         0},
        {"Bearer realm=r", NULL, PHONE_LOGIN_DIGEST, PHONE_AUTH_UNSUPPORTED, 0},
        {"Digest realm=r, nonce=n", NULL, PHONE_LOGIN_FORM, PHONE_AUTH_UNSUPPORTED, 0},
        {"Digest realm=r, nonce=n", NULL, PHONE_LOGIN_NONE, PHONE_AUTH_UNSUPPORTED, 0},
        {"Digest nonce=n", NULL, PHONE_LOGIN_DIGEST, PHONE_AUTH_MALFORMED, 0},
        {"Digest realm=r", NULL, PHONE_LOGIN_DIGEST, PHONE_AUTH_MALFORMED, 0},
        {"Digest realm=r, nonce=\"\"", NULL, PHONE_LOGIN_DIGEST, PHONE_AUTH_MALFORMED, 0},
        {"Digest realm=r, nonce=n, nonce=m", NULL, PHONE_LOGIN_DIGEST, PHONE_AUTH_MALFORMED, 0},
        {"Digest realm=\"r", NULL, PHONE_LOGIN_DIGEST, PHONE_AUTH_MALFORMED, 0},
        {"Digest realm=\"r", "Digest realm=r, nonce=n", PHONE_LOGIN_DIGEST, PHONE_AUTH_OK,
         HASH_MD5},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (choose(p, rows[i].wanted, rows[i].first, rows[i].second) != rows[i].verdict)
            fail_msg("row %zu: %s", i, phone_auth_verdict_str(p->verdict));
        if (rows[i].verdict != PHONE_AUTH_OK) continue;
        assert_int_equal(p->challenge.scheme, PHONE_LOGIN_DIGEST);
        assert_int_equal(p->challenge.algorithm, rows[i].alg);
    }
}

static void C03_C05_C06_answers_with_qop(void **state) {
    struct phone *p = *state;
    assert_int_equal(choose(p, PHONE_LOGIN_DIGEST,
                            "Digest realm=\"snom\", nonce=\"abc\", qop=\"auth-int,auth\", "
                            "opaque=\"5ccc\", algorithm=MD5, domain=\"/\"",
                            NULL),
                     PHONE_AUTH_OK);
    for (unsigned i = 1; i <= 300; i++) {
        char nc[9];
        (void)snprintf(nc, sizeof(nc), "%08x", i);
        assert_true(answer(p, "gate", "pa:ss", "/index.htm?l=1"));
        assert_param(p, "nc", false, nc);
        assert_response(p, HASH_MD5, "gate", "pa:ss", true);
    }
    assert_true(str_equal(p->params.scheme, STR("Digest")));
    assert_param(p, "username", true, "gate");
    assert_param(p, "realm", true, "snom");
    assert_param(p, "uri", true, "/index.htm?l=1");
    assert_param(p, "qop", false, "auth");
    assert_param(p, "opaque", true, "5ccc");
    assert_param(p, "algorithm", false, "MD5");
    assert_param(p, "cnonce", true, "AAECAwQFBgcICQoLDA0ODw");
    assert_int_equal(p->params.count, 10);
}

static void C03_C04_answers_without_qop(void **state) {
    struct phone *p = *state;
    static const char *const challenges[] = {"Digest realm=\"spa user\", nonce=\"abc\"",
                                             "Digest realm=\"spa user\", nonce=\"abc\", qop=\"\""};
    for (size_t i = 0; i < ARRAY_LEN(challenges); i++) {
        assert_int_equal(choose(p, PHONE_LOGIN_DIGEST, challenges[i], NULL), PHONE_AUTH_OK);
        assert_true(answer(p, "gate", "secret", "/"));
        assert_response(p, HASH_MD5, "gate", "secret", false);
        assert_param(p, "qop", false, NULL);
        assert_param(p, "nc", false, NULL);
        assert_param(p, "cnonce", true, NULL);
        assert_param(p, "opaque", true, NULL);
        assert_param(p, "algorithm", false, NULL);
        assert_int_equal(p->params.count, 5);
        assert_true(phone_auth_info(&p->challenge, p->hasher, STR("/"), STR("rspauth=\"00\"")));
    }
}

static void C01_every_algorithm(void **state) {
    struct phone *p = *state;
    static const char *const names[] = {"MD5", "SHA-256", "SHA-512-256"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char challenge[128];
        (void)snprintf(challenge, sizeof(challenge),
                       "Digest realm=r, nonce=n, qop=auth, algorithm=%s, stale=%s", names[i],
                       i == 1 ? "TRUE" : "false");
        assert_int_equal(choose(p, PHONE_LOGIN_DIGEST, challenge, NULL), PHONE_AUTH_OK);
        assert_int_equal(p->challenge.stale, i == 1);
        assert_true(answer(p, "g\xc3\xa4te", "", "/"));
        assert_param(p, "algorithm", false, names[i]);
        assert_response(p, (enum hash_alg)i, "g\xc3\xa4te", "", true);
    }
}

static void V3_rfc2617_answer(void **state) {
    struct phone *p = *state;
    assert_int_equal(choose(p, PHONE_LOGIN_DIGEST,
                            "Digest realm=\"testrealm@host.com\", "
                            "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"",
                            NULL),
                     PHONE_AUTH_OK);
    assert_true(answer(p, "Mufasa", "Circle Of Life", "/dir/index.html"));
    /* RFC 2617 3.5 without qop: the figure of RFC 2069's erratum, made with the same parameters. */
    assert_param(p, "response", true, "670fd8c2df070c60b045671b8b24ff02");
}

static void C03_quotes_and_backslashes(void **state) {
    struct phone *p = *state;
    assert_int_equal(choose(p, PHONE_LOGIN_DIGEST,
                            "Digest realm=\"a \\\"b\\\" \\\\c\", nonce=\"n\\\\\", "
                            "opaque=\"\\\"\", qop=auth",
                            NULL),
                     PHONE_AUTH_OK);
    assert_true(str_equal(phone_challenge_realm(&p->challenge), STR("a \"b\" \\c")));
    assert_true(answer(p, "o\"ne\\", "x", "/\"q\""));
    assert_non_null(strstr(p->answer, "username=\"o\\\"ne\\\\\", realm=\"a \\\"b\\\" \\\\c\", "
                                      "nonce=\"n\\\\\", uri=\"/\\\"q\\\"\""));
    assert_non_null(strstr(p->answer, "opaque=\"\\\"\""));
    assert_response(p, HASH_MD5, "o\"ne\\", "x", true);
}

static void B01_B03_basic(void **state) {
    struct phone *p = *state;
    assert_int_equal(choose(p, PHONE_LOGIN_BASIC, "Basic REALM=\"snom\"", NULL), PHONE_AUTH_OK);
    assert_int_equal(p->challenge.scheme, PHONE_LOGIN_BASIC);
    assert_true(str_equal(phone_challenge_realm(&p->challenge), STR("snom")));
    static const char *const rows[][3] = {
        {"Aladdin", "open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}, /* RFC 7617 2 */
        {"test", "123\xc2\xa3", "dGVzdDoxMjPCow=="},                /* RFC 7617 2.1 */
        {"", "", "Og=="},
        {"a", "b:c", "YTpiOmM="},
        {"ab", "\xff\xfe", "YWI6//4="},
        {"a", "1", "YTox"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_true(answer(p, rows[i][0], rows[i][1], "/"));
        assert_true(str_equal(p->params.token68, str_of(rows[i][2])));
    }
    assert_true(phone_auth_info(&p->challenge, p->hasher, STR("/"), STR("anything \"goes")));
}

static void B02_what_cannot_be_sent(void **state) {
    struct phone *p = *state;
    static const char *const challenges[] = {"Basic realm=r", "Digest realm=r, nonce=n, qop=auth"};
    for (size_t i = 0; i < ARRAY_LEN(challenges); i++) {
        assert_int_equal(choose(p, PHONE_LOGIN_BASIC, challenges[i], NULL), PHONE_AUTH_OK);
        assert_false(answer(p, "a:b", "x", "/"));
        assert_false(answer(p, "a\r\nX: y", "x", "/"));
        assert_false(answer(p, "a", "x\n", "/"));
        assert_false(answer(p, "a", "x\x7f", "/"));
        assert_false(answer(p, "a\t", "x", "/"));
        assert_true(answer(p, "a", "x", "/"));
    }
    struct outbuf out;
    outbuf_init(&out, p->answer, 40);
    assert_false(phone_auth_answer(&p->challenge, p->hasher, STR("a"), STR("x"), STR("GET"),
                                   STR("/"), cnonce_bytes, &out));
    /* An answer that did not fit has used its nc up all the same (C05). */
    assert_true(answer(p, "a", "x", "/"));
    assert_param(p, "nc", false, "00000003");
    p->challenge.nc = UINT32_MAX;
    assert_false(answer(p, "a", "x", "/"));
    p->challenge.scheme = PHONE_LOGIN_NONE;
    assert_false(answer(p, "a", "x", "/"));
}

static void C02_too_long_a_challenge(void **state) {
    struct phone *p = *state;
    char challenge[1024];
    for (int len = PHONE_AUTH_TEXT_MAX - 1; len <= PHONE_AUTH_TEXT_MAX; len++) {
        (void)snprintf(challenge, sizeof(challenge), "Digest realm=r, nonce=\"%0*d\"", len, 0);
        assert_int_equal(choose(p, PHONE_LOGIN_DIGEST, challenge, NULL),
                         len < PHONE_AUTH_TEXT_MAX ? PHONE_AUTH_OK : PHONE_AUTH_MALFORMED);
    }
}

static void C09_rspauth(void **state) {
    struct phone *p = *state;
    char rspauth[65];
    char text[256];
    assert_int_equal(
        choose(p, PHONE_LOGIN_DIGEST, "Digest realm=r, nonce=n, qop=auth, algorithm=SHA-256", NULL),
        PHONE_AUTH_OK);
    assert_true(answer(p, "gate", "secret", "/"));
    const struct sums sums = {.alg = HASH_SHA256,
                              .user = "gate",
                              .realm = "r",
                              .password = "secret",
                              .method = "GET",
                              .uri = "/",
                              .nonce = "n",
                              .nc = "00000001",
                              .cnonce = "AAECAwQFBgcICQoLDA0ODw"};
    response_of(&sums, SUM_RSPAUTH, rspauth);
    (void)snprintf(text, sizeof(text), "rspauth=\"%s\", qop=auth, nc=00000001, cnonce=\"x\"",
                   rspauth);
    assert_true(phone_auth_info(&p->challenge, p->hasher, STR("/"), str_of(text)));
    (void)snprintf(text, sizeof(text), "RSPAUTH=%s", rspauth);
    assert_true(phone_auth_info(&p->challenge, p->hasher, STR("/"), str_of(text)));
    assert_true(phone_auth_info(&p->challenge, p->hasher, STR("/"), STR("")));
    assert_true(phone_auth_info(&p->challenge, p->hasher, STR("/"), STR("qop=auth")));
    assert_false(phone_auth_info(&p->challenge, p->hasher, STR("/"), STR("rspauth=\"\"")));
    assert_false(phone_auth_info(&p->challenge, p->hasher, STR("/"), STR("rspauth=\"00\"")));
    assert_false(phone_auth_info(&p->challenge, p->hasher, STR("/"), STR("rspauth=\"open")));
    rspauth[0] = rspauth[0] == '0' ? '1' : '0';
    (void)snprintf(text, sizeof(text), "nextnonce=evil, rspauth=\"%s\"", rspauth);
    assert_false(phone_auth_info(&p->challenge, p->hasher, STR("/"), str_of(text)));
    assert_true(answer(p, "gate", "secret", "/"));
    assert_param(p, "nonce", true, "n"); /* nothing is taken from an answer that is not proven */
    assert_param(p, "nc", false, "00000002");
}

static void C10_nextnonce(void **state) {
    struct phone *p = *state;
    char long_nonce[PHONE_AUTH_TEXT_MAX + 32];
    assert_int_equal(choose(p, PHONE_LOGIN_DIGEST,
                            "Digest realm=r, nonce=n, opaque=o, qop=auth, stale=true", NULL),
                     PHONE_AUTH_OK);
    assert_true(answer(p, "gate", "secret", "/"));
    assert_true(answer(p, "gate", "secret", "/"));
    assert_true(phone_auth_info(&p->challenge, p->hasher, STR("/"), STR("nextnonce=\"second\"")));
    assert_false(p->challenge.stale);
    assert_true(answer(p, "gate", "secret", "/"));
    assert_param(p, "nonce", true, "second");
    assert_param(p, "opaque", true, "o");
    assert_param(p, "nc", false, "00000001");
    assert_response(p, HASH_MD5, "gate", "secret", true);
    assert_true(phone_auth_info(&p->challenge, p->hasher, STR("/"), STR("nextnonce=\"\"")));
    (void)snprintf(long_nonce, sizeof(long_nonce), "nextnonce=%0*d", PHONE_AUTH_TEXT_MAX, 0);
    assert_true(phone_auth_info(&p->challenge, p->hasher, STR("/"), str_of(long_nonce)));
    assert_true(answer(p, "gate", "secret", "/"));
    assert_param(p, "nonce", true, "second");
    assert_param(p, "nc", false, "00000002");
}

static void C05_C10_nextnonce_that_is_the_nonce_in_use_goes_on_counting(void **state) {
    struct phone *p = *state;
    assert_int_equal(
        choose(p, PHONE_LOGIN_DIGEST, "Digest realm=r, nonce=\"a\\\"b\", qop=auth", NULL),
        PHONE_AUTH_OK);
    assert_true(answer(p, "gate", "secret", "/"));
    assert_true(phone_auth_info(&p->challenge, p->hasher, STR("/"), STR("nextnonce=\"a\\\"b\"")));
    assert_true(answer(p, "gate", "secret", "/"));
    assert_param(p, "nc", false, "00000002");
    assert_true(phone_auth_info(&p->challenge, p->hasher, STR("/"), STR("nextnonce=\"a\"")));
    assert_true(answer(p, "gate", "secret", "/"));
    assert_param(p, "nonce", true, "a");
    assert_param(p, "nc", false, "00000001");
}

static void verdicts_have_names(void **state) {
    (void)state;
    for (int i = 0; i <= PHONE_AUTH_MALFORMED; i++) {
        for (int j = 0; j < i; j++)
            assert_string_not_equal(phone_auth_verdict_str((enum phone_auth_verdict)i),
                                    phone_auth_verdict_str((enum phone_auth_verdict)j));
    }
}

#define PHONE_TEST(name) cmocka_unit_test_setup_teardown(name, open_phone, close_phone)

int main(void) {
    const struct CMUnitTest tests[] = {
        PHONE_TEST(C01_C02_choice),
        PHONE_TEST(C03_C05_C06_answers_with_qop),
        PHONE_TEST(C03_C04_answers_without_qop),
        PHONE_TEST(C01_every_algorithm),
        PHONE_TEST(V3_rfc2617_answer),
        PHONE_TEST(C03_quotes_and_backslashes),
        PHONE_TEST(B01_B03_basic),
        PHONE_TEST(B02_what_cannot_be_sent),
        PHONE_TEST(C02_too_long_a_challenge),
        PHONE_TEST(C09_rspauth),
        PHONE_TEST(C10_nextnonce),
        PHONE_TEST(C05_C10_nextnonce_that_is_the_nonce_in_use_goes_on_counting),
        PHONE_TEST(verdicts_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
