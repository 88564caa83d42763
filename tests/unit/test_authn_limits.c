/* Accounts that are disabled, over, or without MD5: the same answer as to a wrong password. */
#include "tests/unit/auth_helper.h"

static const struct user *limit(struct gate *g, const char *name, struct user_limits limits) {
    assert_true(users_limit(g->users, str_of(name), &limits));
    return users_find(g->users, str_of(name));
}

/* What a client sees of the last check. */
static void assert_refused(struct gate *g, enum authn_reason reason, bool counts) {
    assert_int_equal(g->result.verdict, AUTHN_CHALLENGE);
    assert_string_equal(authn_reason_str(g->result.reason), authn_reason_str(reason));
    assert_int_equal(g->result.counts_as_failure, counts);
    assert_null(g->result.user);
    assert_true(g->result.claimed_is_known);
    assert_int_equal(g->result.proof.uri.len, 0);
}

static void a_disabled_account_is_refused(void **state) {
    (void)state;
    struct gate g;
    gate_open(&g);
    limit(&g, "alice", (struct user_limits){.disabled = true});
    struct nonce_text nonce = gate_nonce(&g);
    struct client right = {.alg = HASH_SHA256, .nonce = nonce.text};
    struct client wrong = {.alg = HASH_SHA256, .nonce = nonce.text, .password = "guess"};
    struct client bob = {
        .alg = HASH_SHA256, .nonce = nonce.text, .user = "bob", .password = "other"};
    (void)check_client(&g, &right);
    assert_refused(&g, AUTHN_REASON_USER_DISABLED, true);
    (void)check_client(&g, &wrong);
    assert_refused(&g, AUTHN_REASON_WRONG_RESPONSE, true);
    assert_int_equal(check_client(&g, &bob), AUTHN_OK);
    gate_close(&g);
}

static void an_account_ends_to_the_millisecond(void **state) {
    (void)state;
    struct gate g;
    gate_open(&g);
    limit(&g, "alice", (struct user_limits){.ends_ms = START + 10});
    struct nonce_text nonce = gate_nonce(&g);
    struct client first = {.alg = HASH_SHA256, .nonce = nonce.text};
    struct client second = {.alg = HASH_SHA256, .nonce = nonce.text, .nc = "00000002"};
    g.ctx.now_ms = START + 9;
    assert_int_equal(check_client(&g, &first), AUTHN_OK);
    g.ctx.now_ms = START + 10;
    (void)check_client(&g, &second);
    assert_refused(&g, AUTHN_REASON_USER_EXPIRED, true);
    gate_close(&g);
}

/* `stale=true` is said only to those whose password is right. */
static void no_oracle_by_an_old_nonce_or_a_replay(void **state) {
    (void)state;
    struct gate g;
    gate_open(&g);
    struct nonce_text old = gate_nonce(&g);
    struct client right = {.alg = HASH_SHA256, .nonce = old.text};
    assert_int_equal(check_client(&g, &right), AUTHN_OK);
    limit(&g, "alice", (struct user_limits){.disabled = true});
    (void)check_client(&g, &right);
    assert_refused(&g, AUTHN_REASON_USER_DISABLED, true);
    g.ctx.now_ms = START + LIFE + 1;
    (void)check_client(&g, &right);
    assert_refused(&g, AUTHN_REASON_USER_DISABLED, true);
    struct nonce_table *other = table_of(16, 7, 43);
    struct nonce_text foreign = nonce_from(other, g.hasher, g.ctx.now_ms, g.random);
    struct client elsewhere = {.alg = HASH_SHA256, .nonce = foreign.text};
    (void)check_client(&g, &elsewhere);
    assert_refused(&g, AUTHN_REASON_USER_DISABLED, true);
    nonce_table_free(other);
    gate_close(&g);
}

static void md5_is_off_for_one_user(void **state) {
    (void)state;
    struct gate g;
    gate_open(&g);
    limit(&g, "alice", (struct user_limits){.md5_is_off = true});
    struct nonce_text nonce = gate_nonce(&g);
    struct client md5 = {.alg = HASH_MD5, .nonce = nonce.text};
    struct client sha = {.alg = HASH_SHA256, .nonce = nonce.text};
    struct nonce_text another = gate_nonce(&g);
    struct client other = {.alg = HASH_MD5, .nonce = another.text, .user = "md5only"};
    (void)check_client(&g, &md5);
    assert_refused(&g, AUTHN_REASON_ALGORITHM_SWITCHED_OFF, true);
    assert_int_equal(check_client(&g, &sha), AUTHN_OK);
    assert_int_equal(check_client(&g, &other), AUTHN_OK);
    gate_close(&g);
}

static void account_without_limits_is_fine_at_any_time(void **state) {
    (void)state;
    const struct user nobody = {.limits = {.md5_is_off = true}};
    const struct user both = {.limits = {.disabled = true, .ends_ms = 1}};
    assert_int_equal(authn_account(&nobody, 0), AUTHN_REASON_OK);
    assert_int_equal(authn_account(&nobody, UINT64_MAX), AUTHN_REASON_OK);
    assert_int_equal(authn_account(&both, 0), AUTHN_REASON_USER_DISABLED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_disabled_account_is_refused),
        cmocka_unit_test(an_account_ends_to_the_millisecond),
        cmocka_unit_test(no_oracle_by_an_old_nonce_or_a_replay),
        cmocka_unit_test(md5_is_off_for_one_user),
        cmocka_unit_test(account_without_limits_is_fine_at_any_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
