/* Traps that other verifiers fell into: the R rows, and what must hold under load. */
#include <malloc.h>

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

/* A small generator, the same in every run (xorshift64). */
static uint64_t next_random(uint64_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void R03_V08_64_shuffled_nc_pass_and_each_replay_is_stale(void **state) {
    struct gate *g = *state;
    uint64_t seed = 88172645463325252u;
    for (int round = 0; round < 20; round++) {
        const struct nonce_text nonce = gate_nonce(g);
        char nc[64][9];
        for (size_t i = 0; i < 64; i++) (void)snprintf(nc[i], 9, "%08x", (unsigned)i + 1);
        for (size_t i = 63; i > 0; i--) {
            size_t j = next_random(&seed) % (i + 1);
            char swap[9];
            memcpy(swap, nc[i], 9);
            memcpy(nc[i], nc[j], 9);
            memcpy(nc[j], swap, 9);
        }
        for (size_t i = 0; i < 64; i++) {
            const struct client c = {.nonce = nonce.text, .nc = nc[i], .alg = HASH_SHA256};
            assert_int_equal(check_client(g, &c), AUTHN_OK);
        }
        for (size_t i = 0; i < 64; i++) {
            const struct client c = {.nonce = nonce.text, .nc = nc[i], .alg = HASH_SHA256};
            assert_int_equal(check_client(g, &c), AUTHN_STALE);
            assert_reason(g, NC_REPLAYED);
            assert_false(g->result.counts_as_failure);
        }
    }
}

static void R05_V27_a_million_challenges_leave_the_table_as_it_was(void **state) {
    struct gate *g = *state;
    const struct nonce_text kept = gate_nonce(g);
    struct client c = {.nonce = kept.text, .alg = HASH_SHA256};
    char text[1024];
    struct outbuf out;
    g->digest.algorithm_count = 1;
    assert_int_equal(check_client(g, &c), AUTHN_OK);
    assert_int_equal(nonce_table_live(g->nonces), 1);
    for (unsigned i = 0; i < 1000000; i++) {
        outbuf_init(&out, text, sizeof(text));
        memcpy(g->random, &i, sizeof(i));
        authn_write_challenge(&g->ctx, false, g->random, &out);
    }
    assert_int_equal(nonce_table_live(g->nonces), 1);
    c.nc = "00000002";
    assert_int_equal(check_client(g, &c), AUTHN_OK);
}

static void R05_V27_strangers_with_wrong_answers_store_nothing(void **state) {
    struct gate *g = *state;
    for (int i = 0; i < 2000; i++) {
        const struct nonce_text nonce = gate_nonce(g);
        const struct client c = {.nonce = nonce.text,
                                 .user = i % 2 == 0 ? "alice" : "nobody",
                                 .password = "guess",
                                 .alg = HASH_SHA256};
        assert_int_equal(check_client(g, &c), AUTHN_CHALLENGE);
        assert_true(g->result.counts_as_failure);
    }
    assert_int_equal(nonce_table_live(g->nonces), 0);
}

static void R13_V11_every_subset_of_fields_empty_and_absent(void **state) {
    struct gate *g = *state;
    enum { FIELDS = 8, STATES = 6561 }; /* 3 to the 8th: there, empty, absent */
    const struct nonce_text nonce = gate_nonce(g);
    char response[65];
    const struct sums sums = {.alg = HASH_MD5,
                              .user = "alice",
                              .realm = REALM,
                              .password = "secret",
                              .method = "GET",
                              .uri = "/",
                              .nonce = nonce.text,
                              .nc = "00000001",
                              .cnonce = "c"};
    response_of(&sums, SUM_AUTH, response);
    const char *const names[FIELDS] = {"username", "realm", "nonce",  "uri",
                                       "response", "nc",    "cnonce", "qop"};
    const char *const values[FIELDS] = {"alice",  REALM,      nonce.text, "/",
                                        response, "00000001", "c",        "auth"};
    for (int mask = STATES - 1; mask >= 0; mask--) {
        size_t len = (size_t)snprintf(g->text, sizeof(g->text), "Digest x=1");
        bool absent = false;
        for (int i = 0, rest = mask; i < FIELDS; i++, rest /= 3) {
            if (rest % 3 == 2)
                absent = true;
            else
                len += (size_t)snprintf(g->text + len, sizeof(g->text) - len, ", %s=\"%s\"",
                                        names[i], rest % 3 == 0 ? values[i] : "");
        }
        enum authn_verdict verdict = check_value(g, "GET", "/", g->text);
        assert_int_equal(verdict, mask == 0 ? AUTHN_OK : AUTHN_BAD);
        if (absent) assert_reason(g, MISSING_FIELD);
        assert_int_equal(g->result.user != NULL, mask == 0);
    }
}

static void R12_nc_of_4096_digits(void **state) {
    struct gate *g = *state;
    static const size_t lengths[] = {0, 1, 7, 9, 16, 17, 3000, 4096, AUTHN_HEADER_MAX};
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        const struct nonce_text nonce = gate_nonce(g);
        char header[AUTHN_HEADER_MAX + 1024];
        char nc[AUTHN_HEADER_MAX + 1] = {0};
        memset(nc, '1', lengths[i]);
        (void)snprintf(header, sizeof(header),
                       "Digest username=\"alice\", realm=\"" REALM "\", nonce=\"%s\", uri=\"/\", "
                       "response=\"%064d\", algorithm=SHA-256, qop=auth, nc=\"%s\", cnonce=\"c\"",
                       nonce.text, 0, nc);
        assert_int_equal(check_value(g, "GET", "/", header), AUTHN_BAD);
        assert_int_equal(g->result.reason, lengths[i] == AUTHN_HEADER_MAX ? AUTHN_REASON_TOO_LONG
                                                                          : AUTHN_REASON_BAD_FIELD);
    }
}

/* A response over an HA1 that an attacker can know: nothing, or what stands in for a stranger. */
static void V26_R15_known_stand_ins_for_ha1_open_nothing(void **state) {
    struct gate *g = *state;
    static const char *const ha1[] = {
        "", "0000000000000000000000000000000000000000000000000000000000000000"};
    static const char *const users[] = {"nobody", "md5only", "alice"};
    for (size_t i = 0; i < ARRAY_LEN(ha1) * ARRAY_LEN(users); i++) {
        const struct nonce_text nonce = gate_nonce(g);
        const char *user = users[i / 2];
        char ha2[65], response[65];
        hex_of(HASH_SHA256, ha2, "GET:/");
        hex_of(HASH_SHA256, response, "%s:%s:00000001:c:auth:%s", ha1[i % 2], nonce.text, ha2);
        (void)snprintf(g->text, sizeof(g->text),
                       "Digest username=\"%s\", realm=\"" REALM "\", nonce=\"%s\", uri=\"/\", "
                       "response=\"%s\", algorithm=SHA-256, qop=auth, nc=00000001, cnonce=\"c\"",
                       user, nonce.text, response);
        assert_int_equal(check_value(g, "GET", "/", g->text), AUTHN_CHALLENGE);
        assert_int_equal(g->result.reason,
                         i / 2 == 2 ? AUTHN_REASON_WRONG_RESPONSE : AUTHN_REASON_UNKNOWN_USER);
        assert_true(g->result.counts_as_failure);
        assert_null(g->result.user);
    }
    assert_int_equal(nonce_table_live(g->nonces), 0);
}

/* libcrypto 3.0 takes and gives back a context per hash by itself; nothing may stay. */
static void V27_checks_keep_no_memory(void **state) {
    struct gate *g = *state;
    const struct nonce_text nonce = gate_nonce(g);
    static char header[100][sizeof(g->text)];
    for (unsigned i = 0; i < 100; i++) {
        char nc[9];
        (void)snprintf(nc, sizeof(nc), "%08x", i + 1);
        const struct client c = {.nonce = nonce.text, .nc = nc, .alg = HASH_SHA256};
        (void)snprintf(header[i], sizeof(header[i]), "%s", answer_of(g, &c));
    }
    assert_int_equal(check_value(g, "GET", "/a?x=1", header[0]), AUTHN_OK);
    size_t before = mallinfo2().uordblks;
    for (unsigned i = 1; i < 100; i++)
        assert_int_equal(check_value(g, "GET", "/a?x=1", header[i]), AUTHN_OK);
    assert_int_equal(mallinfo2().uordblks, before);
}

#define GATE_TEST(name) cmocka_unit_test_setup_teardown(name, open_gate, close_gate)

int main(void) {
    const struct CMUnitTest tests[] = {
        GATE_TEST(R03_V08_64_shuffled_nc_pass_and_each_replay_is_stale),
        GATE_TEST(R05_V27_a_million_challenges_leave_the_table_as_it_was),
        GATE_TEST(R05_V27_strangers_with_wrong_answers_store_nothing),
        GATE_TEST(R13_V11_every_subset_of_fields_empty_and_absent),
        GATE_TEST(R12_nc_of_4096_digits),
        GATE_TEST(V26_R15_known_stand_ins_for_ha1_open_nothing),
        GATE_TEST(V27_checks_keep_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
