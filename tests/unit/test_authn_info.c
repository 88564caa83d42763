/* The gate's own proof, Authentication-Info, and the other ways to say a name. */
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

/* What is written behind the last check; empty where nothing is. */
static struct str info_of(struct gate *g) {
    static char text[AUTHN_INFO_MAX];
    struct outbuf out;
    outbuf_init(&out, text, sizeof(text));
    authn_write_info(&g->ctx, &g->result, g->random, &out);
    assert_false(out.full);
    if (out.len == 0) return STR_NONE;
    struct str head = STR("Authentication-Info: ");
    assert_true(str_starts_with(outbuf_str(&out), head));
    assert_true(str_ends_with(outbuf_str(&out), STR("\r\n")));
    return str_part(outbuf_str(&out), head.len, out.len - head.len - 2);
}

static void read_info(struct gate *g, struct authparams *params) {
    static char memory[AUTHN_INFO_MAX];
    struct outbuf unescaped;
    outbuf_init(&unescaped, memory, sizeof(memory));
    assert_int_equal(authparam_list(info_of(g), AUTHPARAM_STRICT, &unescaped, params),
                     AUTHPARAM_OK);
}

static struct str value(const struct authparams *params, const char *name, bool quoted) {
    const struct authparam *param = authparam_find(params, str_of(name));
    assert_non_null(param);
    assert_int_equal(param->quoted, quoted);
    return param->value;
}

static void V18_info_proves_the_gate(void **state) {
    struct gate *g = *state;
    const struct nonce_text nonce = gate_nonce(g);
    for (int alg = HASH_MD5; alg <= HASH_SHA256; alg++) {
        const char *nc = alg == HASH_MD5 ? "0000000A" : "0000000b";
        const struct client c = {.nonce = nonce.text, .nc = nc, .alg = (enum hash_alg)alg};
        const struct sums sums = {.alg = (enum hash_alg)alg,
                                  .user = "alice",
                                  .realm = REALM,
                                  .password = "secret",
                                  .uri = "/a?x=1",
                                  .nonce = nonce.text,
                                  .nc = nc,
                                  .cnonce = "Y25vbmNl"};
        char rspauth[65];
        struct authparams params;
        response_of(&sums, SUM_RSPAUTH, rspauth);
        assert_int_equal(check_client(g, &c), AUTHN_OK);
        read_info(g, &params);
        assert_true(str_equal(value(&params, "rspauth", true), str_of(rspauth)));
        assert_true(str_equal(value(&params, "qop", false), STR("auth")));
        assert_true(str_equal(value(&params, "cnonce", true), STR("Y25vbmNl")));
        assert_true(str_equal(value(&params, "nc", false), str_of(nc)));
        assert_int_equal(params.count, 4);
    }
}

static void V18_nothing_behind_what_is_not_proven(void **state) {
    struct gate *g = *state;
    const struct nonce_text nonce = gate_nonce(g);
    const struct client right = {.nonce = nonce.text, .alg = HASH_SHA256};
    const struct client wrong = {.nonce = nonce.text, .password = "x", .alg = HASH_SHA256};
    assert_int_equal(check_client(g, &wrong), AUTHN_CHALLENGE);
    assert_int_equal(info_of(g).len, 0);
    assert_int_equal(check_value(g, "GET", "/", NULL), AUTHN_CHALLENGE);
    assert_int_equal(info_of(g).len, 0);
    assert_int_equal(check_value(g, "GET", "/", "Digest x=1"), AUTHN_BAD);
    assert_int_equal(info_of(g).len, 0);
    assert_int_equal(check_client(g, &right), AUTHN_OK);
    assert_int_not_equal(info_of(g).len, 0);
    assert_int_equal(check_client(g, &right), AUTHN_STALE);
    assert_int_equal(info_of(g).len, 0);
}

/* Backslashes in cnonce are undone into memory that is gone by then. */
static void V18_backslashes_get_no_info(void **state) {
    struct gate *g = *state;
    const struct nonce_text nonce = gate_nonce(g);
    static const char *const cnonces[][2] = {{"a\\\\b", "a\\b"}, {"ab", "ab"}};
    for (size_t i = 0; i < ARRAY_LEN(cnonces); i++) {
        char response[65];
        char nc[9];
        (void)snprintf(nc, sizeof(nc), "%08x", (unsigned)i + 1);
        const struct sums sums = {.alg = HASH_SHA256,
                                  .user = "alice",
                                  .realm = REALM,
                                  .password = "secret",
                                  .method = "GET",
                                  .uri = "/",
                                  .nonce = nonce.text,
                                  .nc = nc,
                                  .cnonce = cnonces[i][1]};
        response_of(&sums, SUM_AUTH, response);
        (void)snprintf(g->text, sizeof(g->text),
                       "Digest username=\"alice\", realm=\"" REALM "\", nonce=\"%s\", uri=\"/\", "
                       "algorithm=SHA-256, response=\"%s\", qop=auth, nc=%s, cnonce=\"%s\"",
                       nonce.text, response, nc, cnonces[i][0]);
        assert_int_equal(check_value(g, "GET", "/", g->text), AUTHN_OK);
        assert_int_equal(info_of(g).len > 0, i == 1);
    }
}

static void V18_the_longest_info_fits(void **state) {
    struct gate *g = *state;
    const struct nonce_text nonce = gate_nonce(g);
    struct authparams params;
    char cnonce[257] = {0};
    char response[65];
    memset(cnonce, 'c', 256);
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
    g->ctx.now_ms = START + LIFE;
    assert_int_equal(check_value(g, "GET", "/", g->text), AUTHN_OK);
    read_info(g, &params);
    assert_int_equal(params.count, 5);
    assert_true(str_equal(value(&params, "cnonce", true), str_of(cnonce)));
}

static void V19_nextnonce_only_in_the_last_part_of_a_life(void **state) {
    struct gate *g = *state;
    const struct nonce_text nonce = gate_nonce(g);
    static const struct {
        uint64_t age;
        bool next;
    } rows[] = {{0, false},
                {LIFE / 2, false},
                {LIFE - LIFE / AUTHN_NEXTNONCE_PART, false},
                {LIFE - LIFE / AUTHN_NEXTNONCE_PART + 1, true},
                {LIFE, true}};
    struct nonce_text next = {{0}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct authparams params;
        char nc[9];
        (void)snprintf(nc, sizeof(nc), "%08x", (unsigned)i + 1);
        const struct client c = {.nonce = nonce.text, .nc = nc, .alg = HASH_SHA256};
        g->ctx.now_ms = START + rows[i].age;
        assert_int_equal(check_client(g, &c), AUTHN_OK);
        g->ctx.now_ms += LIFE; /* a slow phone: the moment of the proof counts */
        read_info(g, &params);
        assert_int_equal(params.count, rows[i].next ? 5 : 4);
        if (!rows[i].next) continue;
        struct str text = value(&params, "nextnonce", true);
        assert_int_equal(nonce_issued_ms(text), START + rows[i].age);
        assert_int_equal(text.len, NONCE_TEXT_MAX);
        memcpy(next.text, text.ptr, text.len);
    }
    g->ctx.now_ms = START + LIFE;
    /* It counts from 00000001 at once, and lives on when the old one is dead. */
    const struct client c = {.nonce = next.text, .alg = HASH_SHA256};
    const struct client old = {.nonce = nonce.text, .nc = "00000099", .alg = HASH_SHA256};
    assert_int_equal(check_client(g, &c), AUTHN_OK);
    g->ctx.now_ms = START + LIFE + 1;
    const struct client later = {.nonce = next.text, .nc = "00000002", .alg = HASH_SHA256};
    assert_int_equal(check_client(g, &old), AUTHN_STALE);
    assert_int_equal(check_client(g, &later), AUTHN_OK);
}

/* ---- Names ---- */

static void V10_V17_extended_name(void **state) {
    struct gate *g = *state;
    const struct nonce_text nonce = gate_nonce(g);
    const struct client c = {.nonce = nonce.text,
                             .user = "J\xc3\xa4s\xc3\xb8n \"Doe\" \\",
                             .password = "s\xc3\xa9same",
                             .alg = HASH_SHA256};
    char header[4097];
    const char *full = answer_of(g, &c);
    (void)snprintf(header, sizeof(header),
                   "Digest username*=UTF-8''J%%C3%%A4s%%c3%%b8n%%20%%22Doe%%22%%20%%5c%s",
                   strstr(full, ", realm="));
    assert_int_equal(check_value(g, "GET", "/a?x=1", header), AUTHN_OK);
    assert_true(str_equal(g->result.user->name, str_of(c.user)));
    assert_true(g->result.claimed_is_known);
    assert_true(str_equal(g->result.claimed, str_of(c.user)));
}

/* The record and the lockout get the name that people know, not its hash. */
static void V16_a_hashed_name_is_claimed_in_clear_if_known(void **state) {
    struct gate *g = *state;
    const struct nonce_text nonce = gate_nonce(g);
    static const struct {
        const char *name;
        bool known;
    } rows[] = {{"alice", true}, {"nobody", false}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char hash[65], header[4097];
        hex_of(HASH_SHA256, hash, "%s:%s", rows[i].name, REALM);
        const struct client c = {
            .nonce = nonce.text, .user = hash, .password = "guess", .alg = HASH_SHA256};
        (void)snprintf(header, sizeof(header), "%s, userhash=true", answer_of(g, &c));
        assert_int_equal(check_value(g, "GET", "/a?x=1", header), AUTHN_CHALLENGE);
        assert_true(g->result.counts_as_failure);
        assert_int_equal(g->result.claimed_is_known, rows[i].known);
        assert_true(str_equal(g->result.claimed, str_of(rows[i].known ? rows[i].name : hash)));
    }
}

static void V16_R31_every_algorithm_has_its_own_hashes(void **state) {
    struct gate *g = *state;
    struct users *users = g->users;
    g->users = users_new(STR(REALM), test_hash_key);
    g->ctx.users = g->users;
    add_user(g, HASH_SHA512_256, "carol", "secret");
    users_hash_names(g->users, g->hasher);
    users_free(users);
    g->digest.algorithms[g->digest.algorithm_count++] = HASH_SHA512_256;
    for (int alg = 0; alg < HASH_ALGS; alg++) {
        const struct nonce_text nonce = gate_nonce(g);
        char hash[65], response[65];
        const struct sums sums = {.alg = (enum hash_alg)alg,
                                  .user = "carol",
                                  .realm = REALM,
                                  .password = "secret",
                                  .method = "GET",
                                  .uri = "/",
                                  .nonce = nonce.text,
                                  .nc = "00000001",
                                  .cnonce = "c"};
        hex_of((enum hash_alg)alg, hash, "carol:%s", REALM);
        response_of(&sums, SUM_AUTH, response);
        (void)snprintf(g->text, sizeof(g->text),
                       "Digest username=\"%s\", realm=\"" REALM "\", nonce=\"%s\", uri=\"/\", "
                       "algorithm=" STR_FMT ", response=\"%s\", qop=auth, nc=00000001, "
                       "cnonce=\"c\", userhash=true",
                       hash, nonce.text, STR_ARG(hash_name((enum hash_alg)alg)), response);
        bool has_line = alg == HASH_SHA512_256;
        assert_int_equal(check_value(g, "GET", "/", g->text),
                         has_line ? AUTHN_OK : AUTHN_CHALLENGE);
    }
}

#define GATE_TEST(name) cmocka_unit_test_setup_teardown(name, open_gate, close_gate)

int main(void) {
    const struct CMUnitTest tests[] = {
        GATE_TEST(V18_info_proves_the_gate),
        GATE_TEST(V18_nothing_behind_what_is_not_proven),
        GATE_TEST(V18_backslashes_get_no_info),
        GATE_TEST(V18_the_longest_info_fits),
        GATE_TEST(V19_nextnonce_only_in_the_last_part_of_a_life),
        GATE_TEST(V10_V17_extended_name),
        GATE_TEST(V16_a_hashed_name_is_claimed_in_clear_if_known),
        GATE_TEST(V16_R31_every_algorithm_has_its_own_hashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
