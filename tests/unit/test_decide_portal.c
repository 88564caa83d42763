/* decide() on the portal's own pages: who am I, and signing out, which other sites may not do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Behind the headers that it needs. */
#include <cmocka.h>

#include "tests/unit/access_fixture.h"

#define PORTAL STR("gate.example.com")

static struct decision ask(struct site *s, struct str method, struct str host, struct str target) {
    struct decision d;
    struct request_view req = site_request(s, method, host, target);
    decide(&s->ctx, &req, &d);
    return d;
}

static void pages_of_the_portal(void **state) {
    (void)state;
    struct site s;
    site_init(&s, &site_user_dave);
    static const struct {
        struct str target;
        enum portal_page page;
    } rows[] = {
        {S("/"), PORTAL_PHONES}, {S("/whoami"), PORTAL_WHOAMI}, {S("/signout"), PORTAL_SIGN_OUT}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct decision d = ask(&s, STR("GET"), PORTAL, rows[i].target);
        assert_int_equal(d.verdict, DECIDE_PORTAL);
        assert_int_equal(d.page, rows[i].page);
        assert_int_equal(ask(&s, STR("HEAD"), PORTAL, rows[i].target).verdict, DECIDE_PORTAL);
        assert_int_equal(ask(&s, STR("PUT"), PORTAL, rows[i].target).status, 405);
    }
    assert_int_equal(ask(&s, STR("POST"), PORTAL, STR("/whoami")).status, 405);
    assert_int_equal(ask(&s, STR("GET"), PORTAL, STR("/signout/")).status, 404);
    assert_int_equal(ask(&s, STR("POST"), PORTAL, STR("/SIGNOUT")).status, 404);
    /* A phone's own name has no pages of ours. */
    site_deinit(&s);
    site_init(&s, &site_user_bob);
    struct decision d = ask(&s, STR("POST"), STR("101.phones.example.com"), STR("/signout"));
    assert_int_equal(d.verdict, DECIDE_DENY);
    assert_int_equal(d.status, 403);
    site_deinit(&s);
}

static void other_sites_sign_nobody_out(void **state) {
    (void)state;
    static const struct {
        const char *name, *value; /* of one more header; NULL: none */
        bool good;
    } rows[] = {
        {NULL, NULL, true}, /* a program */
        {"Sec-Fetch-Site", "same-origin", true},
        {"Sec-Fetch-Site", "none", true},
        {"Sec-Fetch-Site", "same-site", false}, /* phones are siblings */
        {"Sec-Fetch-Site", "cross-site", false},
        {"Sec-Fetch-Site", "", false},
        {"Origin", "https://gate.example.com", true},
        {"Origin", "https://GATE.example.com", true},
        {"Origin", "http://gate.example.com", false},
        {"Origin", "https://gate.example.com:8443", false},
        {"Origin", "https://101.phones.example.com", false},
        {"Origin", "null", false},
        {"Referer", "https://gate.example.com/signout", true},
        {"Referer", "https://gate.example.com/phone/101/x.htm", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct site s;
        site_init(&s, &site_user_bob);
        if (rows[i].name != NULL) site_header(&s, str_of(rows[i].name), str_of(rows[i].value));
        struct decision d = ask(&s, STR("POST"), PORTAL, STR("/signout"));
        assert_int_equal(d.verdict, rows[i].good ? DECIDE_SIGN_OUT : DECIDE_DENY);
        assert_string_equal(d.reason, rows[i].good ? "sign_out" : "other_site");
        assert_int_equal(d.status, rows[i].good ? 200 : 403);
        site_deinit(&s);
    }
    struct site s;
    site_init(&s, &site_user_bob);
    site_header(&s, STR("Sec-Fetch-Site"), STR("same-origin"));
    site_header(&s, STR("Sec-Fetch-Site"), STR("cross-site"));
    assert_int_equal(ask(&s, STR("POST"), PORTAL, STR("/signout")).status, 403);
    site_deinit(&s);
    assert_string_equal(decide_verdict_str(DECIDE_SIGN_OUT), "sign_out");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_of_the_portal),
        cmocka_unit_test(other_sites_sign_nobody_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
