/* A phone that was hardened and no longer is: who gets in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* Behind the headers that it needs. */
#include <cmocka.h>

#include "tests/unit/access_fixture.h"

static struct decision judge(struct site *s, const char *method, const char *host,
                             const char *target) {
    struct decision d;
    struct request_view req = site_request(s, str_of(method), str_of(host), str_of(target));
    decide(&s->ctx, &req, &d);
    return d;
}

static const struct row {
    const struct user *user;
    const char *method, *host, *target;
    const char *open, *restricted; /* the reason, without and with the flag */
} rows[] = {
    {&site_user_bob, "GET", "101.phones.example.com", "/", "ok", "phone_restricted"},
    {&site_user_bob, "GET", "localhost", "/phone/101/", "ok", "phone_restricted"},
    {&site_user_bob, "HEAD", "101.phones.example.com", "/index.htm", "ok", "phone_restricted"},
    {&site_user_bob, "POST", "101.phones.example.com", "/line.htm?l=1", "ok", "phone_restricted"},
    /* What would be refused anyway is refused all the same. */
    {&site_user_bob, "GET", "101.phones.example.com", "/secret.htm", "no_rule", "phone_restricted"},
    /* Administrators mend it. */
    {&site_user_alice, "GET", "101.phones.example.com", "/", "ok", "ok"},
    {&site_user_alice, "POST", "101.phones.example.com", "/a.htm?x=1", "ok", "ok"},
    {&site_user_alice, "GET", "101.phones.example.com", "/adv.htm?reset=1", "rule_denied",
     "rule_denied"},
    /* Nobody learns by it that there is a phone. */
    {&site_user_bob, "GET", "secret.phones.example.com", "/", "unknown_host", "unknown_host"},
    {&site_user_bob, "GET", "localhost", "/phone/102/", "unknown_phone", "unknown_phone"},
    {&site_user_dave, "GET", "101.phones.example.com", "/", "unknown_host", "unknown_host"},
    /* What is no phone's is not touched. */
    {&site_user_bob, "GET", "localhost", "/", "portal", "portal"},
    {&site_user_bob, "GET", "localhost", "/phone/101", "redirect_slash", "redirect_slash"},
    {&site_user_bob, "OPTIONS", "localhost", "*", "options", "options"},
};

static void only_the_role_admin_reaches_a_restricted_phone(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        struct site s;
        site_init(&s, row->user);
        assert_string_equal(judge(&s, row->method, row->host, row->target).reason, row->open);
        site_restrict(&s, false);
        assert_string_equal(judge(&s, row->method, row->host, row->target).reason, row->open);
        site_restrict(&s, true);
        struct decision d = judge(&s, row->method, row->host, row->target);
        assert_string_equal(d.reason, row->restricted);
        if (str_equal(str_of(d.reason), STR("phone_restricted"))) {
            assert_int_equal(d.verdict, DECIDE_DENY);
            assert_int_equal(d.status, 403);
            assert_null(d.rule);
            assert_true(d.detail.len > 0);
            assert_string_equal(d.role.ptr, "user");
        }
        site_deinit(&s);
    }
}

static void one_phone_is_restricted_and_no_other(void **state) {
    (void)state;
    struct site s;
    site_init(&s, &site_user_bob);
    site_restrict(&s, false);
    atomic_store(&s.restricted[2], true); /* lab-1 */
    assert_string_equal(judge(&s, "GET", "101.phones.example.com", "/").reason, "ok");
    assert_string_equal(judge(&s, "GET", "lab-1.phones.example.com", "/").reason,
                        "phone_restricted");
    atomic_store(&s.restricted[2], false);
    assert_string_equal(judge(&s, "GET", "lab-1.phones.example.com", "/").reason, "ok");
    site_deinit(&s);
}

/* A role with the administrator's account at the phone is not the role admin. */
static void another_role_with_the_admin_login_is_kept_out(void **state) {
    (void)state;
    struct site s;
    site_init(&s, &site_user_bob);
    struct grant grants[ARRAY_LEN(site_grants)];
    for (size_t i = 0; i < ARRAY_LEN(site_grants); i++) grants[i] = site_grants[i];
    grants[1].admin_login = true;
    s.policy.grants = grants;
    site_restrict(&s, true);
    assert_string_equal(judge(&s, "GET", "101.phones.example.com", "/").reason, "phone_restricted");
    site_deinit(&s);
}

static void a_body_is_not_asked_for(void **state) {
    (void)state;
    struct site s;
    site_init(&s, &site_user_bob);
    site_restrict(&s, true);
    struct request_view req =
        site_request(&s, STR("POST"), STR("101.phones.example.com"), STR("/line.htm"));
    struct decision d;
    req.body = BODY_LENGTH;
    req.content_length = 3;
    decide(&s.ctx, &req, &d);
    assert_int_equal(d.verdict, DECIDE_DENY);
    assert_string_equal(d.reason, "phone_restricted");
    site_deinit(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_role_admin_reaches_a_restricted_phone),
        cmocka_unit_test(one_phone_is_restricted_and_no_other),
        cmocka_unit_test(another_role_with_the_admin_login_is_kept_out),
        cmocka_unit_test(a_body_is_not_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
