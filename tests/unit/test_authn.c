/* Towards the person: the V rows of tests/vectors/README.md that a table of headers cannot show. */
#include "policy/auth/authparam.h"
#include "tests/unit/auth_helper.h"

static int open_gate(void **state) {
    static struct gate gate;
    gate_open(&gate);
    *state = &gate;
    return 0;
}

static int close_gate(void **state) {
    gate_close(*state);
    return 0;
}

static enum authn_verdict check_nonce(struct gate *g, const struct nonce_text *nonce,
                                      const char *nc) {
    const struct client c = {.nonce = nonce->text, .nc = nc, .alg = HASH_SHA256};
    return check_client(g, &c);
}

/* ---- Challenges ---- */

static struct str value(const struct authparams *params, const char *name, bool quoted) {
    const struct authparam *param = authparam_find(params, str_of(name));
    assert_non_null(param);
    assert_int_equal(param->quoted, quoted);
    return param->value;
}

static void check_challenge_line(struct str line, const char *algorithm, bool stale) {
    char memory[16];
    struct outbuf unescaped;
    struct authparams params;
    struct str head = STR("WWW-Authenticate: ");
    outbuf_init(&unescaped, memory, sizeof(memory));
    assert_true(str_starts_with(line, head));
    assert_true(str_ends_with(line, STR("\r")));
    struct str rest = str_part(line, head.len, line.len - head.len - 1);
    assert_int_equal(authparam_next(&rest, AUTHPARAM_STRICT, &unescaped, &params), AUTHPARAM_OK);
    assert_int_equal(rest.len, 0);
    assert_true(str_equal(params.scheme, STR("Digest")));
    assert_true(str_equal(value(&params, "realm", true), STR(REALM)));
    assert_true(str_equal(value(&params, "qop", true), STR("auth")));
    assert_int_equal(value(&params, "nonce", true).len, NONCE_TEXT_MAX);
    assert_true(str_equal(value(&params, "algorithm", false), str_of(algorithm)));
    assert_true(str_equal(value(&params, "charset", false), STR("UTF-8")));
    assert_true(str_equal(value(&params, "userhash", false), STR("true")));
    assert_int_equal(params.count, stale ? 7 : 6);
    if (stale) assert_true(str_equal(value(&params, "stale", false), STR("true")));
}

static void V01_V02_V16_V17_V24_V30_R08_R09_R32_challenges(void **state) {
    struct gate *g = *state;
    for (int stale = 0; stale <= 1; stale++) {
        char text[1024];
        struct outbuf out;
        outbuf_init(&out, text, sizeof(text));
        authn_write_challenge(&g->ctx, stale == 1, g->random, &out);
        assert_false(out.full);
        struct str rest = outbuf_str(&out);
        struct str line;
        assert_true(str_split(&rest, '\n', &line));
        check_challenge_line(line, "SHA-256", stale == 1);
        assert_true(str_split(&rest, '\n', &line));
        check_challenge_line(line, "MD5", stale == 1);
        assert_true(str_split(&rest, '\n', &line));
        assert_int_equal(line.len, 0);
        assert_false(str_split(&rest, '\n', &line));
    }
}

static void V01_challenge_that_does_not_fit_is_marked(void **state) {
    struct gate *g = *state;
    char text[100];
    struct outbuf out;
    outbuf_init(&out, text, sizeof(text));
    authn_write_challenge(&g->ctx, false, g->random, &out);
    assert_true(out.full);
}

static void V03_V15_absent_algorithm_is_md5_and_must_be_offered(void **state) {
    struct gate *g = *state;
    const struct nonce_text nonce = gate_nonce(g);
    const struct client c = {.nonce = nonce.text, .alg = HASH_MD5};
    char header[2048];
    const char *full = answer_of(g, &c);
    const char *named = strstr(full, "algorithm=MD5, ");
    assert_non_null(named);
    (void)snprintf(header, sizeof(header), "%.*s%s", (int)(named - full), full,
                   named + strlen("algorithm=MD5, "));
    assert_int_equal(check_value(g, "GET", "/a?x=1", header), AUTHN_OK);
    assert_int_equal(g->result.algorithm, HASH_MD5);
    g->digest.algorithm_count = 1;
    assert_int_equal(check_value(g, "GET", "/a?x=1", header), AUTHN_CHALLENGE);
    assert_reason(g, ALGORITHM_NOT_OFFERED);
    const struct client sha = {.nonce = nonce.text, .nc = "00000002", .alg = HASH_SHA256};
    assert_int_equal(check_client(g, &sha), AUTHN_OK);
    assert_int_equal(g->result.algorithm, HASH_SHA256);
}

/* ---- Nonces ---- */

static void V04_R06_every_octet_of_a_nonce_is_signed(void **state) {
    struct gate *g = *state;
    const struct nonce_text good = gate_nonce(g);
    const struct nonce_text other = gate_nonce(g);
    assert_string_not_equal(good.text, other.text);
    for (int used = 0; used <= 1; used++) {
        for (size_t i = 0; i < NONCE_TEXT_MAX; i++) {
            struct nonce_text bad = good;
            bad.text[i] = bad.text[i] == 'A' ? 'B' : 'A';
            assert_int_equal(check_nonce(g, &bad, "00000007"), AUTHN_CHALLENGE);
            assert_reason(g, NONCE_UNKNOWN);
            assert_false(g->result.counts_as_failure);
        }
        /* Once more when the nonce has an entry, and its signature is not computed again. */
        assert_int_equal(check_nonce(g, &good, used ? "00000002" : "00000001"), AUTHN_OK);
    }
}

static void V05_V25_expired_is_stale_only_with_a_right_response(void **state) {
    struct gate *g = *state;
    const struct nonce_text nonce = gate_nonce(g);
    g->ctx.now_ms = START + LIFE;
    assert_int_equal(check_nonce(g, &nonce, "00000001"), AUTHN_OK);
    g->ctx.now_ms = START + LIFE + 1;
    assert_int_equal(check_nonce(g, &nonce, "00000002"), AUTHN_STALE);
    assert_reason(g, NONCE_EXPIRED);
    assert_non_null(g->result.user);
    assert_false(g->result.counts_as_failure);
    const struct client wrong = {.nonce = nonce.text, .password = "guess", .alg = HASH_SHA256};
    assert_int_equal(check_client(g, &wrong), AUTHN_CHALLENGE);
    assert_reason(g, WRONG_RESPONSE);
    assert_true(g->result.counts_as_failure);
    assert_null(g->result.user);
}

static void V08_V25_R04_replay_is_stale_and_no_wrong_password(void **state) {
    struct gate *g = *state;
    const struct nonce_text nonce = gate_nonce(g);
    assert_int_equal(check_nonce(g, &nonce, "00000001"), AUTHN_OK);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(check_nonce(g, &nonce, "00000001"), AUTHN_STALE);
        assert_reason(g, NC_REPLAYED);
        assert_false(g->result.counts_as_failure);
    }
    const struct client wrong = {.nonce = nonce.text, .password = "guess", .alg = HASH_SHA256};
    assert_int_equal(check_client(g, &wrong), AUTHN_CHALLENGE);
    assert_true(g->result.counts_as_failure);
    assert_int_equal(check_nonce(g, &nonce, "00000002"), AUTHN_OK);
}

static void V08_nonce_belongs_to_who_proved_it(void **state) {
    struct gate *g = *state;
    const struct nonce_text nonce = gate_nonce(g);
    const struct client bob = {
        .nonce = nonce.text, .user = "bob", .password = "other", .alg = HASH_SHA256};
    assert_int_equal(check_nonce(g, &nonce, "00000001"), AUTHN_OK);
    assert_int_equal(check_client(g, &bob), AUTHN_STALE);
    assert_reason(g, NONCE_EVICTED);
    assert_int_equal(check_nonce(g, &nonce, "00000002"), AUTHN_OK);
}

static void V28_other_instance_is_stale_only_with_a_right_response(void **state) {
    struct gate *g = *state;
    struct nonce_table *before = table_of(16, 7, 41); /* the same key, another start */
    struct nonce_table *stranger = table_of(16, 8, 42);
    const struct nonce_text old = nonce_from(before, g->hasher, START, g->random);
    const struct nonce_text forged = nonce_from(stranger, g->hasher, START, g->random);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(check_nonce(g, &old, "00000001"), AUTHN_STALE);
        assert_reason(g, NONCE_OTHER_INSTANCE);
    }
    const struct client wrong = {.nonce = old.text, .password = "guess", .alg = HASH_SHA256};
    assert_int_equal(check_client(g, &wrong), AUTHN_CHALLENGE);
    assert_true(g->result.counts_as_failure);
    assert_int_equal(check_nonce(g, &forged, "00000001"), AUTHN_CHALLENGE);
    assert_reason(g, NONCE_UNKNOWN);
    assert_int_equal(nonce_table_live(g->nonces), 0);
    nonce_table_free(before);
    nonce_table_free(stranger);
}

static void V21_one_nonce_opens_the_whole_protection_space(void **state) {
    struct gate *g = *state;
    const struct nonce_text nonce = gate_nonce(g);
    const struct client first = {.nonce = nonce.text, .alg = HASH_SHA256, .target = "/"};
    const struct client second = {.nonce = nonce.text,
                                  .nc = "00000002",
                                  .alg = HASH_MD5,
                                  .method = "POST",
                                  .target = "/phone/101/b.htm"};
    assert_int_equal(check_client(g, &first), AUTHN_OK);
    assert_int_equal(check_client(g, &second), AUTHN_OK);
}

/* ---- Requests ---- */

static void V13_method_and_password_are_in_the_sum(void **state) {
    struct gate *g = *state;
    const struct nonce_text nonce = gate_nonce(g);
    const struct client c = {.nonce = nonce.text, .alg = HASH_SHA256};
    const char *header = answer_of(g, &c);
    assert_int_equal(check_value(g, "POST", "/a?x=1", header), AUTHN_CHALLENGE);
    assert_reason(g, WRONG_RESPONSE);
    assert_int_equal(check_value(g, "HEAD", "/a?x=1", header), AUTHN_CHALLENGE);
    assert_int_equal(check_value(g, "GET", "/a?x=1", header), AUTHN_OK);
}

static enum authn_verdict check_absolute(struct gate *g, const char *path, const char *query,
                                         const char *uri) {
    const struct nonce_text nonce = gate_nonce(g);
    const struct client c = {.nonce = nonce.text, .alg = HASH_SHA256, .target = uri};
    const struct header header = {STR("authorization"), str_of(answer_of(g, &c))};
    char target[256];
    (void)snprintf(target, sizeof(target), "https://gate.example.com%s%s%s", path,
                   query == NULL ? "" : "?", query == NULL ? "" : query);
    const struct request_view req = {.method = METHOD_GET,
                                     .method_name = STR("GET"),
                                     .target = str_of(target),
                                     .path = str_of(path),
                                     .query = str_of(query),
                                     .authority = STR("gate.example.com"),
                                     .absolute_form = true,
                                     .headers = &header,
                                     .header_count = 1};
    authn_check(&g->ctx, &req, &g->result);
    return g->result.verdict;
}

static void V14_absolute_form(void **state) {
    struct gate *g = *state;
    assert_int_equal(check_absolute(g, "/a", "x=1", "/a?x=1"), AUTHN_OK);
    assert_int_equal(check_absolute(g, "/a", "x=1", "https://gate.example.com/a?x=1"), AUTHN_OK);
    assert_int_equal(check_absolute(g, "/a", NULL, "/a"), AUTHN_OK);
    assert_int_equal(check_absolute(g, "/a", "", "/a?"), AUTHN_OK);
    assert_int_equal(check_absolute(g, "/a", "x=1", "/a"), AUTHN_BAD);
    assert_int_equal(check_absolute(g, "/a", "x=1", "/a?"), AUTHN_BAD);
    assert_int_equal(check_absolute(g, "/a", "x=1", "/a?x=12"), AUTHN_BAD);
    assert_int_equal(check_absolute(g, "/a", "x=1", "/a&x=1"), AUTHN_BAD);
    assert_int_equal(check_absolute(g, "/a", NULL, "/a?"), AUTHN_BAD);
    assert_int_equal(check_absolute(g, "/a", "", "/a"), AUTHN_BAD);
    assert_int_equal(check_absolute(g, "/a", NULL, "/"), AUTHN_BAD);
    assert_int_equal(check_absolute(g, "/a", NULL, "/ab"), AUTHN_BAD);
    assert_int_equal(check_absolute(g, "/a", NULL, "https://other.example.com/a"), AUTHN_BAD);
    assert_reason(g, URI_MISMATCH);
}

static void V12_one_authorization_only(void **state) {
    struct gate *g = *state;
    const struct nonce_text nonce = gate_nonce(g);
    const struct client c = {.nonce = nonce.text, .alg = HASH_SHA256};
    struct header headers[3] = {{STR("Authorization"), str_of(answer_of(g, &c))},
                                {STR("Host"), STR("gate")},
                                {STR("AUTHORIZATION"), STR("Basic eDp5")}};
    struct request_view req;
    request_for(&req, "GET", "/a?x=1");
    req.headers = headers;
    req.header_count = 3;
    authn_check(&g->ctx, &req, &g->result);
    assert_int_equal(g->result.verdict, AUTHN_BAD);
    assert_reason(g, REPEATED);
    req.header_count = 2;
    authn_check(&g->ctx, &req, &g->result);
    assert_int_equal(g->result.verdict, AUTHN_OK);
}

static void V11_V24_other_headers(void **state) {
    struct gate *g = *state;
    static const struct {
        const char *value;
        enum authn_verdict verdict;
        enum authn_reason reason;
    } rows[] = {
        {NULL, AUTHN_CHALLENGE, AUTHN_REASON_NO_CREDENTIALS},
        {"", AUTHN_BAD, AUTHN_REASON_MALFORMED},
        {",", AUTHN_BAD, AUTHN_REASON_MALFORMED},
        {"Digest", AUTHN_BAD, AUTHN_REASON_MISSING_FIELD},
        {"Digest ,", AUTHN_BAD, AUTHN_REASON_MALFORMED},
        {"digest username=\"a\"", AUTHN_BAD, AUTHN_REASON_MISSING_FIELD},
        {"Digest YWJj", AUTHN_BAD, AUTHN_REASON_MALFORMED},
        {"Digest\"x\"", AUTHN_BAD, AUTHN_REASON_MALFORMED},
        {"\"Digest\" username=a", AUTHN_BAD, AUTHN_REASON_MALFORMED},
        {"Basic YWxpY2U6c2VjcmV0", AUTHN_CHALLENGE, AUTHN_REASON_OTHER_SCHEME},
        {"Basic", AUTHN_CHALLENGE, AUTHN_REASON_OTHER_SCHEME},
        {"Bearer a b c", AUTHN_CHALLENGE, AUTHN_REASON_OTHER_SCHEME},
        {"Digestive username=\"a\"", AUTHN_CHALLENGE, AUTHN_REASON_OTHER_SCHEME},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(check_value(g, "GET", "/", rows[i].value), rows[i].verdict);
        assert_int_equal(g->result.reason, rows[i].reason);
        assert_null(g->result.user);
    }
}

static void V11_too_long(void **state) {
    struct gate *g = *state;
    const struct nonce_text nonce = gate_nonce(g);
    const struct client c = {.nonce = nonce.text, .alg = HASH_SHA256};
    enum { MAX = AUTHN_HEADER_MAX };
    char header[MAX + 100];
    size_t len = strlen(answer_of(g, &c));
    memcpy(header, g->text, len);
    memcpy(header + len, ", x=\"", 5);
    memset(header + len + 5, '\\', MAX - len - 6);
    if ((MAX - len - 6) % 2 == 1) header[len + 5] = 'a';
    memcpy(header + MAX - 1, "\"", 2);
    assert_int_equal(strlen(header), MAX);
    assert_int_equal(check_value(g, "GET", "/a?x=1", header), AUTHN_OK);
    memcpy(header + MAX, " ", 2);
    assert_int_equal(check_value(g, "GET", "/a?x=1", header), AUTHN_BAD);
    assert_reason(g, TOO_LONG);
}

static void V07_cnonce_is_bounded(void **state) {
    struct gate *g = *state;
    const struct nonce_text nonce = gate_nonce(g);
    for (int len = 256; len <= 257; len++) {
        char cnonce[258] = {0};
        char response[65];
        memset(cnonce, 'c', (size_t)len);
        const struct sums sums = {.alg = HASH_SHA256,
                                  .user = "alice",
                                  .realm = REALM,
                                  .password = "secret",
                                  .method = "GET",
                                  .uri = "/",
                                  .nonce = nonce.text,
                                  .nc = "00000001",
                                  .cnonce = cnonce};
        response_of(&sums, SUM_AUTH, response);
        (void)snprintf(g->text, sizeof(g->text),
                       "Digest username=alice,realm=\"" REALM "\",nonce=\"%s\",uri=\"/\","
                       "algorithm=SHA-256,response=%s,qop=auth,nc=00000001,cnonce=%s",
                       nonce.text, response, cnonce);
        assert_int_equal(check_value(g, "GET", "/", g->text), len == 256 ? AUTHN_OK : AUTHN_BAD);
    }
    assert_reason(g, BAD_FIELD);
}

static void V17_utf8_names_and_passwords(void **state) {
    struct gate *g = *state;
    const struct nonce_text nonce = gate_nonce(g);
    struct client c = {.nonce = nonce.text,
                       .user = "J\xc3\xa4s\xc3\xb8n \"Doe\" \\",
                       .password = "s\xc3\xa9same",
                       .alg = HASH_SHA256};
    assert_int_equal(check_client(g, &c), AUTHN_OK);
    assert_true(str_equal(g->result.user->name, str_of(c.user)));
    c.user = "J\xe4s\xf8n \"Doe\" \\"; /* Latin-1 is another name */
    assert_int_equal(check_client(g, &c), AUTHN_CHALLENGE);
    assert_reason(g, UNKNOWN_USER);
}

static void V11_R10_claimed_is_not_proven(void **state) {
    struct gate *g = *state;
    const struct nonce_text nonce = gate_nonce(g);
    char name[101] = {0};
    memset(name, 'n', 100);
    const struct client stranger = {.nonce = nonce.text, .user = name, .alg = HASH_SHA256};
    assert_int_equal(check_client(g, &stranger), AUTHN_CHALLENGE);
    assert_int_equal(g->result.claimed.len, AUTHN_CLAIMED_MAX);
    assert_false(g->result.claimed_is_known);
    assert_null(g->result.user);
    const struct client wrong = {.nonce = nonce.text, .password = "x", .alg = HASH_SHA256};
    assert_int_equal(check_client(g, &wrong), AUTHN_CHALLENGE);
    assert_true(str_equal(g->result.claimed, STR("alice")));
    assert_true(g->result.claimed_is_known);
    assert_null(g->result.user);
    assert_int_equal(check_value(g, "GET", "/", "Digest username=\"alice\""), AUTHN_BAD);
    assert_true(str_equal(g->result.claimed, STR("alice")));
    assert_null(g->result.user);
}

static void reasons_have_names(void **state) {
    (void)state;
    for (int i = 0; i <= AUTHN_REASON_WRONG_RESPONSE; i++) {
        for (int j = 0; j < i; j++)
            assert_string_not_equal(authn_reason_str((enum authn_reason)i),
                                    authn_reason_str((enum authn_reason)j));
    }
    assert_string_equal(authn_reason_str((enum authn_reason)1000), "unknown");
}

#define GATE_TEST(name) cmocka_unit_test_setup_teardown(name, open_gate, close_gate)

int main(void) {
    const struct CMUnitTest tests[] = {
        GATE_TEST(V01_V02_V16_V17_V24_V30_R08_R09_R32_challenges),
        GATE_TEST(V01_challenge_that_does_not_fit_is_marked),
        GATE_TEST(V03_V15_absent_algorithm_is_md5_and_must_be_offered),
        GATE_TEST(V04_R06_every_octet_of_a_nonce_is_signed),
        GATE_TEST(V05_V25_expired_is_stale_only_with_a_right_response),
        GATE_TEST(V08_V25_R04_replay_is_stale_and_no_wrong_password),
        GATE_TEST(V08_nonce_belongs_to_who_proved_it),
        GATE_TEST(V28_other_instance_is_stale_only_with_a_right_response),
        GATE_TEST(V21_one_nonce_opens_the_whole_protection_space),
        GATE_TEST(V13_method_and_password_are_in_the_sum),
        GATE_TEST(V14_absolute_form),
        GATE_TEST(V12_one_authorization_only),
        GATE_TEST(V11_V24_other_headers),
        GATE_TEST(V11_too_long),
        GATE_TEST(V07_cnonce_is_bounded),
        GATE_TEST(V17_utf8_names_and_passwords),
        GATE_TEST(V11_R10_claimed_is_not_proven),
        cmocka_unit_test(reasons_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
