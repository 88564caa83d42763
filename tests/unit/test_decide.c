#include <stdlib.h>
#include <time.h>

#include "tests/unit/access_fixture.h"
#include "tests/unit/access_vectors.h"

static void expect_reason(const struct decision *d, enum decide_verdict verdict,
                          const char *reason) {
    assert_string_equal(d->reason, reason);
    assert_int_equal(d->verdict, verdict);
}

static struct decision judge(struct site *s, const char *method, const char *authority,
                             const char *target) {
    struct decision d;
    struct request_view req = site_request(s, str_of(method), str_of(authority), str_of(target));
    decide(&s->ctx, &req, &d);
    return d;
}

static void expect_target(const struct decision *d, const char *target) {
    expect_reason(d, DECIDE_FORWARD, "ok");
    assert_int_equal(d->status, 0);
    assert_non_null(d->rule);
    assert_true(d->rule->allow);
    if (!str_equal(d->target, str_of(target))) {
        fail_msg("got " STR_FMT " want %s", STR_ARG(d->target), target);
    }
}

static void a_user_reads_a_page_by_host(void **state) {
    (void)state;
    struct site s;
    site_init(&s, &site_user_bob);
    struct decision d = judge(&s, "GET", "101.phones.example.com", "/index.htm");
    expect_target(&d, "/index.htm");
    assert_ptr_equal(d.phone, &site_phones[0]);
    assert_ptr_equal(d.user, &site_user_bob);
    assert_ptr_equal(d.grant, &site_grants[1]);
    assert_ptr_equal(d.rule, &site_rules[2]);
    assert_int_equal(d.route, ROUTE_HOST);
    assert_int_equal(d.prefix.len, 0);
    assert_false(d.admin_account);
    assert_false(d.has_parameters);
    site_deinit(&s);
}

static void hosts_are_compared_without_case_port_and_one_dot(void **state) {
    (void)state;
    struct site s;
    site_init(&s, &site_user_bob);
    static const char *const same[] = {"101.phones.example.com", "101.PHONES.example.com",
                                       "101.phones.example.com:8443", "101.phones.example.com.",
                                       "101.phones.example.com.:1"};
    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        struct decision d = judge(&s, "GET", same[i], "/");
        expect_target(&d, "/");
    }
    static const char *const other[] = {"101.phones.example.com..",
                                        "x101.phones.example.com",
                                        "101.phones.example.com.evil",
                                        "101",
                                        "",
                                        ".",
                                        ":443",
                                        "[::1]",
                                        "[101.phones.example.com]"};
    for (size_t i = 0; i < ARRAY_LEN(other); i++) {
        struct decision d = judge(&s, "GET", other[i], "/");
        expect_reason(&d, DECIDE_DENY, "unknown_host");
        assert_int_equal(d.status, 421);
    }
    site_deinit(&s);
}

static void a_user_reads_a_page_by_path(void **state) {
    (void)state;
    struct site s;
    site_init(&s, &site_user_bob);
    struct decision d = judge(&s, "GET", "gate.example.com:8443", "/phone/101/%69ndex.htm");
    expect_target(&d, "/index.htm");
    assert_int_equal(d.route, ROUTE_PATH);
    assert_true(str_equal(d.prefix, STR("/phone/101")));
    assert_true(str_equal(d.path.decoded, STR("/index.htm")));
    d = judge(&s, "GET", "localhost", "/phone/101/");
    expect_target(&d, "/");
    /* Only the first prefix is ours. */
    d = judge(&s, "GET", "localhost", "/phone/101/phone/102/x.htm");
    expect_target(&d, "/phone/102/x.htm");
    assert_ptr_equal(d.phone, &site_phones[0]);
    site_deinit(&s);
}

static void the_query_is_sent_byte_for_byte(void **state) {
    (void)state;
    struct site s;
    site_init(&s, &site_user_alice);
    struct decision d =
        judge(&s, "POST", "gate.example.com", "/phone/102/%61%20b?x=%6a;y&&Z=%zz/../?");
    expect_target(&d, "/a%20b?x=%6a;y&&Z=%zz/../?");
    assert_true(d.admin_account);
    assert_true(d.has_parameters);
    d = judge(&s, "GET", "lab-1.phones.example.com", "/a?");
    expect_target(&d, "/a?");
    assert_false(d.has_parameters);
    site_deinit(&s);
}

static void expect_alike(const struct decision *a, const struct decision *b) {
    assert_int_equal(a->verdict, b->verdict);
    assert_int_equal(a->status, b->status);
    assert_string_equal(a->reason, b->reason);
    assert_int_equal(a->route, b->route);
    assert_true(a->phone == NULL && b->phone == NULL);
    assert_true(a->grant == NULL && b->grant == NULL);
    assert_true(a->rule == NULL && b->rule == NULL);
    assert_int_equal(a->detail.len + a->role.len + a->prefix.len + a->target.len, 0);
    assert_int_equal(b->detail.len + b->role.len + b->prefix.len + b->target.len, 0);
    assert_int_equal(a->location.len + a->path.encoded.len, 0);
    assert_int_equal(b->location.len + b->path.encoded.len, 0);
    assert_false(a->has_parameters || b->has_parameters || b->admin_account);
}

/* A phone that is not there and one that is not yours: nothing the person sees may differ. */
static void no_grant_looks_like_no_phone(void **state) {
    (void)state;
    static const struct {
        const char *authority, *none, *theirs;
    } rows[] = {
        {"gate.example.com", "/phone/nosuch/", "/phone/secret/"},
        {"gate.example.com", "/phone/nosuch", "/phone/secret"},
        {"gate.example.com", "/phone/nosuch?x", "/phone/secret?x"},
        {"gate.example.com", "/phone/nosuch/a%zz", "/phone/secret/a%zz"},
        {"gate.example.com", "/phone/nosuch/../", "/phone/secret/../"},
        {"gate.example.com", "/phone/nosuch/?%zz", "/phone/secret/?%zz"},
        {"gate.example.com", "/phone/nosuch/?a#b", "/phone/secret/?a#b"},
    };
    static const char *const methods[] = {"GET", "POST", "PUT", "OPTIONS"};
    struct site s;
    site_init(&s, &site_user_bob);
    for (size_t i = 0; i < ARRAY_LEN(rows) * ARRAY_LEN(methods); i++) {
        const char *method = methods[i % ARRAY_LEN(methods)];
        size_t row = i / ARRAY_LEN(methods);
        struct decision a = judge(&s, method, rows[row].authority, rows[row].none);
        struct decision b = judge(&s, method, rows[row].authority, rows[row].theirs);
        assert_int_equal(a.verdict, DECIDE_DENY);
        expect_alike(&a, &b);
    }
    struct decision d = judge(&s, "GET", "gate.example.com", "/phone/secret/");
    assert_int_equal(d.status, 404);
    assert_ptr_equal(d.asked_phone, &site_phones[3]);
    static const char *const targets[] = {"/", "/a%zz", "/..", "/?%zz", "/?a#b", "/x?y"};
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        struct decision a = judge(&s, "GET", "nosuch.phones.example.com", targets[i]);
        struct decision b = judge(&s, "GET", "secret.phones.example.com", targets[i]);
        assert_true(a.status == 421 || a.status == 400);
        expect_alike(&a, &b);
    }
    site_deinit(&s);
}

static void a_user_without_the_right_gets_403(void **state) {
    (void)state;
    struct site s;
    site_init(&s, &site_user_bob);
    struct decision d = judge(&s, "GET", "101.phones.example.com", "/settings.htm");
    expect_reason(&d, DECIDE_DENY, "no_rule");
    assert_int_equal(d.status, 403);
    assert_null(d.rule);
    d = judge(&s, "GET", "101.phones.example.com", "/index.htm?x=1");
    expect_reason(&d, DECIDE_DENY, "no_rule");
    assert_true(d.has_parameters);
    d = judge(&s, "GET", "101.phones.example.com", "/advanced.htm?Reset");
    expect_reason(&d, DECIDE_DENY, "rule_denied");
    assert_true(str_equal(d.detail, STR("Ask the phone team.")));
    assert_ptr_equal(d.rule, &site_rules[0]);
    site_deinit(&s);
}

static void a_grant_lifts_a_class(void **state) {
    (void)state;
    struct site s;
    site_init(&s, &site_user_alice);
    struct decision d = judge(&s, "GET", "101.phones.example.com", "/advanced.htm?reset=1");
    expect_reason(&d, DECIDE_DENY, "rule_denied");
    site_deinit(&s);
    site_init(&s, &site_user_carol);
    d = judge(&s, "GET", "101.phones.example.com", "/advanced.htm?reset=1");
    expect_target(&d, "/advanced.htm?reset=1");
    site_deinit(&s);
}

static void the_portal_answers_at_its_root_only(void **state) {
    (void)state;
    struct site s;
    site_init(&s, &site_user_dave);
    static const struct {
        const char *method, *target, *reason;
        unsigned status;
        enum decide_verdict verdict;
    } rows[] = {
        {"GET", "/", "portal", 200, DECIDE_PORTAL},
        {"HEAD", "/", "portal", 200, DECIDE_PORTAL},
        {"GET", "/?x=1", "portal", 200, DECIDE_PORTAL},
        {"POST", "/", "method_not_allowed", 405, DECIDE_DENY},
        {"DELETE", "/", "method_not_allowed", 405, DECIDE_DENY},
        {"GET", "/index.htm", "not_found", 404, DECIDE_DENY},
        {"GET", "/phone", "not_found", 404, DECIDE_DENY},
        {"GET", "/phone/", "unknown_phone", 404, DECIDE_DENY},
        {"GET", "/Phone/101/", "not_found", 404, DECIDE_DENY},
        {"GET", "/phone/101/", "unknown_phone", 404, DECIDE_DENY},
        {"POST", "/x", "not_found", 404, DECIDE_DENY},
        {"OPTIONS", "/", "method_not_allowed", 405, DECIDE_DENY},
        {"GET", "/a/../", "path_ambiguous", 400, DECIDE_DENY},
        {"GET", "/%zz", "path_bad_escape", 400, DECIDE_DENY},
        {"GET", "x", "path_no_slash", 400, DECIDE_DENY},
        {"GET", "/?a#b", "target_bad_octet", 400, DECIDE_DENY},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct decision d = judge(&s, rows[i].method, "Gate.Example.com:8443", rows[i].target);
        expect_reason(&d, rows[i].verdict, rows[i].reason);
        assert_int_equal(d.status, rows[i].status);
        assert_int_equal(d.target.len, 0);
    }
    site_deinit(&s);
}

static void expect_location(const struct decision *d, unsigned status, const char *location) {
    assert_int_equal(d->verdict, DECIDE_REDIRECT);
    assert_int_equal(d->status, status);
    if (!str_equal(d->location, str_of(location))) {
        fail_msg("got " STR_FMT " want %s", STR_ARG(d->location), location);
    }
}

static void a_missing_slash_is_added(void **state) {
    (void)state;
    struct site s;
    site_init(&s, &site_user_bob);
    struct decision d = judge(&s, "GET", "gate.example.com", "/phone/101");
    expect_location(&d, 308, "/phone/101/");
    assert_string_equal(d.reason, "redirect_slash");
    d = judge(&s, "HEAD", "gate.example.com", "/phone/lab%2D1?a=%2f");
    expect_location(&d, 308, "/phone/lab-1/?a=%2f");
    d = judge(&s, "POST", "gate.example.com", "/phone/101");
    expect_reason(&d, DECIDE_DENY, "method_not_allowed");
    site_deinit(&s);
}

static struct decision from(const char *method, const char *referer, const char *target) {
    struct site s;
    site_init(&s, &site_user_bob);
    site_header(&s, STR("Referer"), str_of(referer));
    struct decision d = judge(&s, method, "gate.example.com:8443", target);
    static char kept[256]; /* the arena goes with this function */
    ENSURE(d.location.len < sizeof(kept));
    if (d.location.len > 0) memcpy(kept, d.location.ptr, d.location.len);
    d.location.ptr = kept;
    site_deinit(&s);
    return d;
}

static void links_of_a_phones_page_find_back(void **state) {
    (void)state;
    static const struct {
        const char *referer, *target, *location;
    } rows[] = {
        {"https://gate.example.com:8443/phone/101/", "/info.htm", "/phone/101/info.htm"},
        {"https://gate.example.com:8443/phone/101/a/b.htm?x=y", "/", "/phone/101/"},
        {"https://gate.example.com:8443/phone/101/a?b/../c", "/?a=1;b", "/phone/101/?a=1;b"},
        {"HTTPS://GATE.example.com:8443/phone/lab-1/x", "/%61/b%3f?q", NULL},
        {"HTTPS://GATE.example.com:8443/phone/lab-1/x", "/%61/b?q", "/phone/lab-1/a/b?q"},
        {"https://gate.example.com:8443/phone/101/x", "/phone", "/phone/101/phone"},
        {"https://gate.example.com:8443/phone/101/x", "/phonebook", "/phone/101/phonebook"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct decision d = from("GET", rows[i].referer, rows[i].target);
        if (rows[i].location == NULL) {
            assert_int_equal(d.status, 400);
            continue;
        }
        expect_location(&d, 307, rows[i].location);
        assert_string_equal(d.reason, "redirect_referer");
    }
}

static void other_referers_lead_nowhere(void **state) {
    (void)state;
    static const char *const rows[] = {
        "",
        "https://gate.example.com:8443/",
        "https://gate.example.com:8443/phone/101",      /* no page of the phone */
        "https://gate.example.com:8443/phone/",         /* no phone */
        "https://gate.example.com:8443/phone/secret/",  /* no grant */
        "https://gate.example.com:8443/phone/nosuch/",  /* no such phone */
        "https://gate.example.com:8443/phone/101/../x", /* two ways to read it */
        "https://gate.example.com:8443/phone/101%2fx",
        "https://gate.example.com:8443//phone/101/",
        "https://gate.example.com/phone/101/", /* another port */
        "https://gate.example.com:84430/phone/101/",
        "https://gate.example.com:8443.evil/phone/101/",
        "https://u@gate.example.com:8443/phone/101/",
        "https://localhost:8443/phone/101/",
        "https://evil.example/phone/101/",
        "http://gate.example.com:8443/phone/101/", /* not over TLS */
        "//gate.example.com:8443/phone/101/",
        "/phone/101/",
        "https://evil/https://gate.example.com:8443/phone/101/",
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct decision d = from("GET", rows[i], "/info.htm");
        if (d.verdict != DECIDE_DENY || d.status != 404) fail_msg("%s", rows[i]);
    }
    static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS"};
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        struct decision d =
            from(methods[i], "https://gate.example.com:8443/phone/101/", "/info.htm");
        expect_reason(&d, DECIDE_DENY, "not_found");
    }
    /* Below /phone/ the path alone says which phone. */
    struct decision d = from("GET", "https://gate.example.com:8443/phone/101/", "/phone/lab-1/");
    expect_reason(&d, DECIDE_FORWARD, "ok");
    d = from("GET", "https://gate.example.com:8443/phone/101/", "/phone/secret/");
    expect_reason(&d, DECIDE_DENY, "unknown_phone");
}

static void the_default_port_may_be_written_or_not(void **state) {
    (void)state;
    struct site s;
    site_init(&s, &site_user_bob);
    site_header(&s, STR("referer"), STR("https://gate.example.com/phone/101/"));
    struct decision d = judge(&s, "GET", "gate.example.com:443", "/a");
    expect_location(&d, 307, "/phone/101/a");
    site_header(&s, STR("Referer"), STR("https://gate.example.com/phone/101/"));
    d = judge(&s, "GET", "gate.example.com", "/a"); /* two of them: believe none */
    expect_reason(&d, DECIDE_DENY, "not_found");
    site_deinit(&s);
}

static void H17_own_options_are_answered_here(void **state) {
    (void)state;
    struct site s;
    site_init(&s, &site_user_bob);
    struct decision d = judge(&s, "OPTIONS", "gate.example.com", "*");
    expect_reason(&d, DECIDE_OPTIONS, "options");
    assert_int_equal(d.status, 204);
    d = judge(&s, "GET", "gate.example.com", "*");
    expect_reason(&d, DECIDE_DENY, "path_no_slash");
    site_header(&s, STR("Max-Forwards"), STR("1"));
    d = judge(&s, "OPTIONS", "101.phones.example.com", "/");
    expect_reason(&d, DECIDE_DENY, "no_rule");
    s.header_count = 0;
    site_header(&s, STR("Max-Forwards"), STR("0"));
    d = judge(&s, "OPTIONS", "101.phones.example.com", "/");
    expect_reason(&d, DECIDE_OPTIONS, "options");
    d = judge(&s, "GET", "101.phones.example.com", "/");
    expect_target(&d, "/");
    site_deinit(&s);
}

/* ---- who ---- */

static void nobody_is_told_anything_before_they_sign_in(void **state) {
    (void)state;
    static const char *const targets[][2] = {
        {"gate.example.com", "/"},
        {"gate.example.com", "/phone/101/"},
        {"gate.example.com", "/%zz"},
        {"101.phones.example.com", "/"},
        {"nosuch.example.com", "/.."},
        {"gate.example.com", "*"},
        {"secret.phones.example.com", "/?%zz"},
    };
    struct site s;
    const uint64_t key[2] = {1, 2};
    site_init(&s, NULL);
    struct users *users = users_new(STR("phones.example.com"), key);
    s.policy.users = users;
    s.policy.digest = (struct digest_settings){.realm = STR("phones.example.com"),
                                               .algorithms = {HASH_SHA256},
                                               .algorithm_count = 1,
                                               .nonce_lifetime_ms = 1000};
    s.ctx.hasher = hasher_new();
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        struct decision d = judge(&s, i % 2 ? "GET" : "OPTIONS", targets[i][0], targets[i][1]);
        expect_reason(&d, DECIDE_CHALLENGE, "no_credentials");
        assert_int_equal(d.status, 401);
        assert_null(d.user);
        assert_null(d.asked_phone);
        assert_int_equal(d.route, ROUTE_NONE);
    }
    site_header(&s, STR("Authorization"), STR("Digest username=\"x"));
    struct decision d = judge(&s, "GET", "gate.example.com", "/");
    assert_int_equal(d.verdict, DECIDE_DENY);
    assert_int_equal(d.status, 400);
    hasher_free(s.ctx.hasher);
    users_free(users);
    site_deinit(&s);
}

static void a_full_arena_refuses_and_never_forwards(void **state) {
    (void)state;
    static const char *const targets[] = {"/phone/101/index.htm?", "/index.htm", "/phone/101?a"};
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        bool refused = false;
        for (size_t cap = 0; cap < 512; cap += 8) {
            struct site s;
            site_init(&s, &site_user_bob);
            arena_release(&s.arena);
            arena_init(&s.arena, cap);
            site_header(&s, STR("Referer"), STR("https://gate.example.com/phone/101/x.htm"));
            struct decision d = judge(&s, "GET", "gate.example.com", targets[i]);
            if (strcmp(d.reason, "no_memory") == 0) {
                refused = true;
                assert_int_equal(d.verdict, DECIDE_DENY);
                assert_int_equal(d.status, 431);
            }
            if (d.verdict == DECIDE_FORWARD) assert_true(d.target.len > 0);
            if (d.verdict == DECIDE_REDIRECT) assert_true(d.location.len > 0);
            site_deinit(&s);
        }
        assert_true(refused);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_user_reads_a_page_by_host),
        cmocka_unit_test(hosts_are_compared_without_case_port_and_one_dot),
        cmocka_unit_test(a_user_reads_a_page_by_path),
        cmocka_unit_test(the_query_is_sent_byte_for_byte),
        cmocka_unit_test(no_grant_looks_like_no_phone),
        cmocka_unit_test(a_user_without_the_right_gets_403),
        cmocka_unit_test(a_grant_lifts_a_class),
        cmocka_unit_test(the_portal_answers_at_its_root_only),
        cmocka_unit_test(a_missing_slash_is_added),
        cmocka_unit_test(links_of_a_phones_page_find_back),
        cmocka_unit_test(other_referers_lead_nowhere),
        cmocka_unit_test(the_default_port_may_be_written_or_not),
        cmocka_unit_test(H17_own_options_are_answered_here),
        cmocka_unit_test(nobody_is_told_anything_before_they_sign_in),
        cmocka_unit_test(a_full_arena_refuses_and_never_forwards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
