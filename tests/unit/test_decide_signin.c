/* decide() with people who really sign in. */
#include "tests/unit/auth_helper.h"

#include "tests/unit/access_fixture.h"

struct world {
    struct gate gate;
    struct site site;
};

static void world_open(struct world *w) {
    gate_open(&w->gate);
    site_init(&w->site, NULL);
    w->site.policy.users = w->gate.users;
    w->site.policy.digest = w->gate.digest;
    w->site.ctx.nonces = w->gate.nonces;
    w->site.ctx.hasher = w->gate.hasher;
    w->site.ctx.now_ms = w->gate.ctx.now_ms;
}

static void world_close(struct world *w) {
    site_deinit(&w->site);
    gate_close(&w->gate);
}

/* Ask for `target` with the answer that `c` gives. */
static struct decision ask(struct world *w, const struct client *c, const char *target) {
    struct decision d;
    w->site.header_count = 0;
    site_header(&w->site, STR("Authorization"), str_of(answer_of(&w->gate, c)));
    struct request_view req =
        site_request(&w->site, STR("GET"), STR("101.phones.example.com"), str_of(target));
    decide(&w->site.ctx, &req, &d);
    return d;
}

static void a_person_who_signs_in_is_forwarded(void **state) {
    (void)state;
    struct world w;
    world_open(&w);
    struct nonce_text nonce = gate_nonce(&w.gate);
    const struct client bob = {.user = "bob",
                               .password = "other",
                               .target = "/index.htm",
                               .alg = HASH_SHA256,
                               .nonce = nonce.text};
    struct decision d = ask(&w, &bob, "/index.htm");
    assert_int_equal(d.verdict, DECIDE_FORWARD);
    assert_string_equal(d.reason, "ok");
    assert_true(str_equal(d.user->name, STR("bob")));
    assert_ptr_equal(d.user, d.authn.user);
    assert_ptr_equal(d.grant, &site_grants[1]);
    assert_false(d.admin_account);
    world_close(&w);
}

static void R01_R02_an_answer_for_another_target_is_refused(void **state) {
    (void)state;
    struct world w;
    world_open(&w);
    struct nonce_text nonce = gate_nonce(&w.gate);
    const struct client alice = {.target = "/index.htm", .alg = HASH_SHA256, .nonce = nonce.text};
    static const char *const targets[] = {"/index.htm?reset=1", "/", "/%69ndex.htm", "/Index.htm"};
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        struct decision d = ask(&w, &alice, targets[i]);
        assert_int_equal(d.verdict, DECIDE_DENY);
        assert_int_equal(d.status, 400);
        assert_string_equal(d.reason, "uri_mismatch");
        assert_null(d.user);
        assert_null(d.asked_phone);
    }
    world_close(&w);
}

static void a_replay_is_stale_and_a_wrong_password_is_not(void **state) {
    (void)state;
    struct world w;
    world_open(&w);
    struct nonce_text nonce = gate_nonce(&w.gate);
    struct client alice = {.target = "/x", .alg = HASH_SHA256, .nonce = nonce.text};
    struct decision d = ask(&w, &alice, "/x");
    assert_int_equal(d.verdict, DECIDE_FORWARD);
    assert_true(d.admin_account);
    d = ask(&w, &alice, "/x");
    assert_int_equal(d.verdict, DECIDE_CHALLENGE);
    assert_int_equal(d.status, 401);
    assert_int_equal(d.authn.verdict, AUTHN_STALE);
    assert_string_equal(d.reason, "nc_replayed");
    assert_null(d.user); /* proven, but of a request that is not this one */
    alice.password = "wrong";
    d = ask(&w, &alice, "/x");
    assert_int_equal(d.verdict, DECIDE_CHALLENGE);
    assert_int_equal(d.authn.verdict, AUTHN_CHALLENGE);
    assert_string_equal(d.reason, "wrong_response");
    assert_null(d.user);
    assert_null(d.phone);
    world_close(&w);
}

static void a_person_who_is_unknown_learns_nothing_of_phones(void **state) {
    (void)state;
    struct world w;
    world_open(&w);
    struct nonce_text nonce = gate_nonce(&w.gate);
    const struct client eve = {
        .user = "eve", .target = "/x", .alg = HASH_SHA256, .nonce = nonce.text};
    struct decision d = ask(&w, &eve, "/x");
    assert_int_equal(d.verdict, DECIDE_CHALLENGE);
    assert_int_equal(d.status, 401);
    assert_null(d.user);
    assert_null(d.asked_phone);
    assert_int_equal(d.route, ROUTE_NONE);
    world_close(&w);
}

/* The tables that remember people, as serve has them. */
static struct authn_guard guard_open(struct world *w) {
    static const uint64_t key[2] = {5, 6};
    const struct policy_lock none = {0};
    w->site.policy.signing_in = (struct authn_settings){
        .lockout = {.failures = 3,
                    .failures_per_user = 60,
                    .failures_per_address = 60,
                    .window_ms = 60000,
                    .block_ms = 300000},
        .session = {.max_ms = 600000},
    };
    w->site.ctx.guard = (struct authn_guard){.lockout = lockout_new(16, 16, key, none),
                                             .sessions = sessions_new(16, key, none)};
    return w->site.ctx.guard;
}

static void guard_close(struct authn_guard guard) {
    lockout_free(guard.lockout);
    sessions_free(guard.sessions);
}

static void V25_who_guesses_is_refused_before_anything_is_checked(void **state) {
    (void)state;
    static const char *const names[] = {"alice", "nobody"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct world w;
        world_open(&w);
        const struct authn_guard guard = guard_open(&w);
        struct nonce_text nonce = gate_nonce(&w.gate);
        struct client who = {.user = names[i],
                             .password = "guess",
                             .target = "/x",
                             .alg = HASH_SHA256,
                             .nonce = nonce.text};
        for (unsigned n = 0; n < 3; n++) assert_int_equal(ask(&w, &who, "/x").status, 401);
        who.password = "secret"; /* alice's own */
        struct decision d = ask(&w, &who, "/x");
        assert_int_equal(d.verdict, DECIDE_DENY);
        assert_int_equal(d.status, 429);
        assert_string_equal(d.reason, "locked");
        assert_int_equal(d.authn.retry_after_s, 300);
        assert_null(d.user);
        assert_null(d.authn.user);
        assert_int_equal(nonce_table_live(w.gate.nonces), 0);
        w.site.ctx.now_ms += 300000;
        w.gate.ctx.now_ms = w.site.ctx.now_ms;
        nonce = gate_nonce(&w.gate);
        assert_int_equal(ask(&w, &who, "/x").status, i == 0 ? 0 : 401);
        guard_close(guard);
        world_close(&w);
    }
}

static void a_right_response_of_a_session_that_is_over_is_asked_anew(void **state) {
    (void)state;
    struct world w;
    world_open(&w);
    const struct authn_guard guard = guard_open(&w);
    struct nonce_text nonce = gate_nonce(&w.gate);
    struct client alice = {.target = "/x", .alg = HASH_SHA256, .nonce = nonce.text};
    assert_int_equal(ask(&w, &alice, "/x").verdict, DECIDE_FORWARD);
    w.site.ctx.now_ms += 600000; /* the nonce has expired as well: not stale all the same */
    alice.nc = "00000002";
    struct decision d = ask(&w, &alice, "/x");
    assert_int_equal(d.verdict, DECIDE_CHALLENGE);
    assert_int_equal(d.authn.verdict, AUTHN_CHALLENGE);
    assert_string_equal(d.reason, "session_over");
    assert_null(d.user);
    assert_false(d.authn.counts_as_failure);
    w.gate.ctx.now_ms = w.site.ctx.now_ms;
    nonce = gate_nonce(&w.gate);
    assert_int_equal(ask(&w, &alice, "/x").verdict, DECIDE_FORWARD);
    sessions_end(guard.sessions, sessions_user_key(guard.sessions, STR("alice")),
                 w.site.ctx.now_ms);
    alice.nc = "00000003";
    d = ask(&w, &alice, "/x");
    assert_int_equal(d.authn.verdict, AUTHN_CHALLENGE);
    assert_string_equal(d.reason, "signed_out");
    guard_close(guard);
    world_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_person_who_signs_in_is_forwarded),
        cmocka_unit_test(R01_R02_an_answer_for_another_target_is_refused),
        cmocka_unit_test(a_replay_is_stale_and_a_wrong_password_is_not),
        cmocka_unit_test(a_person_who_is_unknown_learns_nothing_of_phones),
        cmocka_unit_test(V25_who_guesses_is_refused_before_anything_is_checked),
        cmocka_unit_test(a_right_response_of_a_session_that_is_over_is_asked_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
