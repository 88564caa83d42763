/* decide() and whose page asked: forged requests, and programs that say nothing. What the fields of
 * a request mean is the table tests/vectors/origin.txt; here is what follows from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Behind the headers that it needs. */
#include <cmocka.h>

#include "tests/unit/access_fixture.h"

#define PHONE STR("101.phones.example.com")
#define GATE  STR("gate.example.com")

struct asked {
    const char *method, *target;
    uint64_t body; /* 0: none */
};

static struct decision ask(struct site *s, const struct asked *asked, struct str host) {
    struct decision d;
    struct request_view req = site_request(s, str_of(asked->method), host, str_of(asked->target));
    if (asked->body > 0) {
        site_header(s, STR("Content-Type"), STR("application/x-www-form-urlencoded"));
        req.header_count = s->header_count;
        req.body = BODY_LENGTH;
        req.content_length = asked->body;
    }
    decide(&s->ctx, &req, &d);
    return d;
}

static void expect(const struct decision *d, enum decide_verdict verdict, const char *reason) {
    assert_string_equal(d->reason, reason);
    assert_int_equal(d->verdict, verdict);
}

/* An image, a form, a frame and a link of another site. */
static const struct header forged[][4] = {
    {{S("Sec-Fetch-Site"), S("cross-site")},
     {S("Sec-Fetch-Mode"), S("no-cors")},
     {S("Sec-Fetch-Dest"), S("image")},
     {S("Referer"), S("https://evil.example/")}},
    {{S("Sec-Fetch-Site"), S("same-site")},
     {S("Sec-Fetch-Mode"), S("no-cors")},
     {S("Sec-Fetch-Dest"), S("empty")},
     {S("Origin"), S("https://102.phones.example.com")}},
    {{S("Sec-Fetch-Site"), S("cross-site")},
     {S("Sec-Fetch-Mode"), S("navigate")},
     {S("Sec-Fetch-Dest"), S("iframe")},
     {S("Referer"), S("https://evil.example/")}},
    {{S("Sec-Fetch-Site"), S("cross-site")},
     {S("Sec-Fetch-Mode"), S("navigate")},
     {S("Sec-Fetch-Dest"), S("document")},
     {S("Referer"), S("https://evil.example/")}},
};
#define LINK 3

static void forge(struct site *s, size_t way) {
    for (size_t i = 0; i < ARRAY_LEN(forged[way]); i++)
        site_header(s, forged[way][i].name, forged[way][i].value);
}

static void other_sites_reach_no_phone(void **state) {
    (void)state;
    static const struct asked rows[] = {
        {"GET", "/advanced_update.htm?reboot=Reboot", 0},
        {"GET", "/line.htm?l=1", 0}, /* harmless, but nobody's business */
        {"GET", "/index.htm", 4},
        {"POST", "/index.htm", 0},
        {"POST", "/line.htm", 10}, /* no body is asked for */
        {"PUT", "/", 0},
        {"DELETE", "/", 0},
        {"OPTIONS", "/", 0},
        {"HEAD", "/?x", 0},
    };
    static const struct user *const people[] = {&site_user_alice, &site_user_bob, &site_user_carol};
    for (size_t way = 0; way < ARRAY_LEN(forged); way++) {
        for (size_t i = 0; i < ARRAY_LEN(rows) * ARRAY_LEN(people); i++) {
            struct site s;
            site_init(&s, people[i % ARRAY_LEN(people)]);
            forge(&s, way);
            struct decision d = ask(&s, &rows[i / ARRAY_LEN(people)], PHONE);
            expect(&d, DECIDE_DENY, "other_site");
            assert_int_equal(d.status, 403);
            assert_null(d.rule);
            assert_true(d.detail.len > 0);
            assert_int_equal(d.origin.verdict, ORIGIN_OTHER_SITE);
            site_deinit(&s);
        }
    }
}

static void a_link_opens_a_page_and_nothing_else_does(void **state) {
    (void)state;
    static const struct asked host = {"GET", "/index.htm", 0}, path = {"GET", "/phone/101/", 0};
    for (size_t way = 0; way < ARRAY_LEN(forged); way++) {
        for (int by_path = 0; by_path < 2; by_path++) {
            struct site s;
            site_init(&s, &site_user_bob);
            forge(&s, way);
            struct decision d = ask(&s, by_path ? &path : &host, by_path ? GATE : PHONE);
            if (way == LINK)
                expect(&d, DECIDE_FORWARD, "ok");
            else
                expect(&d, DECIDE_DENY, "other_site");
            site_deinit(&s);
        }
    }
}

/* Who has no grant learns nothing from it, and the portal's own pages change nothing. */
static void all_else_stays_as_it_is(void **state) {
    (void)state;
    static const struct asked change = {"POST", "/phone/101/index.htm", 10},
                              start = {"GET", "/", 0}, away = {"GET", "/phone/nowhere/?x=1", 0},
                              slash = {"GET", "/phone/101?reboot=1", 0};
    for (size_t way = 0; way < ARRAY_LEN(forged); way++) {
        struct site s;
        site_init(&s, &site_user_dave);
        forge(&s, way);
        struct decision d = ask(&s, &change, GATE);
        expect(&d, DECIDE_DENY, "unknown_phone");
        assert_int_equal(d.origin.verdict, ORIGIN_UNCHECKED);
        d = ask(&s, &change, PHONE);
        expect(&d, DECIDE_DENY, "unknown_host");
        site_deinit(&s);
        site_init(&s, &site_user_bob);
        forge(&s, way);
        d = ask(&s, &start, GATE);
        expect(&d, DECIDE_PORTAL, "portal");
        d = ask(&s, &away, GATE);
        expect(&d, DECIDE_DENY, "unknown_phone");
        d = ask(&s, &slash, GATE); /* judged when it comes back */
        expect(&d, DECIDE_REDIRECT, "redirect_slash");
        site_deinit(&s);
    }
}

static void one_phones_page_is_another_site_to_the_next(void **state) {
    (void)state;
    static const struct {
        const char *referer, *reason;
    } rows[] = {
        {"https://gate.example.com/phone/101/line.htm", "ok"},
        {"https://gate.example.com/phone/lab-1/line.htm", "other_site"},
        {"https://gate.example.com/phone/nowhere/line.htm", "other_site"},
        {"https://gate.example.com/", "ok"},
        {"https://101.phones.example.com/line.htm", "other_site"},
    };
    static const struct asked line = {"GET", "/phone/101/line.htm?l=1", 0};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct site s;
        site_init(&s, &site_user_bob);
        site_header(&s, STR("Referer"), str_of(rows[i].referer));
        struct decision d = ask(&s, &line, GATE);
        assert_string_equal(d.reason, rows[i].reason);
        site_deinit(&s);
    }
    /* Under a name of its own all paths are the phone's. */
    static const struct asked own = {"GET", "/line.htm?l=1", 0};
    struct site s;
    site_init(&s, &site_user_bob);
    site_header(&s, STR("Referer"), STR("https://101.phones.example.com/phone/102/x.htm"));
    struct decision d = ask(&s, &own, PHONE);
    expect(&d, DECIDE_FORWARD, "ok");
    site_deinit(&s);
}

/* Without any of the three fields: read, and change only where the grant says so. */
static void programs_change_only_where_the_grant_says_so(void **state) {
    (void)state;
    static const struct {
        const struct user *user;
        struct asked asked;
        const char *loud, *quiet; /* the reason with scripts = true, and without */
    } rows[] = {
        {&site_user_bob, {"GET", "/index.htm", 0}, "ok", "ok"},
        {&site_user_bob, {"HEAD", "/index.htm", 0}, "ok", "ok"},
        {&site_user_bob, {"GET", "/index.htm?", 0}, "ok", "ok"},
        {&site_user_bob, {"GET", "/index.htm?&&", 0}, "ok", "scripts_not_allowed"},
        {&site_user_bob, {"GET", "/line.htm", 0}, "ok", "ok"},
        {&site_user_bob, {"GET", "/line.htm?l=1", 0}, "ok", "ok"}, /* listed: harmless */
        {&site_user_bob, {"POST", "/line.htm?l=1", 0}, "ok", "scripts_not_allowed"},
        {&site_user_bob, {"POST", "/line.htm", 5}, "body_needed", "scripts_not_allowed"},
        {&site_user_bob, {"GET", "/line.htm", 5}, "body_needed", "scripts_not_allowed"},
        {&site_user_bob, {"GET", "/act.htm", 0}, "ok", "ok"},
        {&site_user_bob, {"GET", "/act.htm?key=1", 0}, "ok", "scripts_not_allowed"},
        {&site_user_bob, {"DELETE", "/act.htm", 0}, "ok", "scripts_not_allowed"},
        {&site_user_alice, {"GET", "/line.htm", 0}, "ok", "ok"},
        {&site_user_alice, {"GET", "/line.htm?l=1", 0}, "ok", "scripts_not_allowed"}, /* "*" */
        {&site_user_alice, {"GET", "/x?&&", 0}, "ok", "scripts_not_allowed"},
        {&site_user_alice, {"POST", "/x", 0}, "ok", "scripts_not_allowed"},
        {&site_user_alice, {"POST", "/x", 5}, "ok", "scripts_not_allowed"},
        /* what a rule refuses, it refuses in its own words */
        {&site_user_bob, {"POST", "/index.htm", 5}, "no_rule", "no_rule"},
        {&site_user_alice, {"GET", "/adv.htm?reset=1", 0}, "rule_denied", "rule_denied"},
        {&site_user_carol, {"GET", "/adv.htm?reset=1", 0}, "ok", "scripts_not_allowed"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct site s;
        site_init(&s, rows[i].user);
        struct decision d = ask(&s, &rows[i].asked, PHONE);
        assert_string_equal(d.reason, rows[i].loud);
        site_deinit(&s);
        site_init(&s, rows[i].user);
        site_refuse_scripts(&s);
        d = ask(&s, &rows[i].asked, PHONE);
        if (strcmp(d.reason, rows[i].quiet) != 0)
            fail_msg("%s %s: %s", rows[i].asked.method, rows[i].asked.target, d.reason);
        assert_int_equal(d.origin.verdict, ORIGIN_SILENT);
        if (strcmp(d.reason, "scripts_not_allowed") == 0) {
            assert_int_equal(d.status, 403);
            assert_null(d.rule);
            assert_true(d.detail.len > 0);
        }
        site_deinit(&s);
        /* A browser on the phone's own page needs no such word. */
        site_init(&s, rows[i].user);
        site_refuse_scripts(&s);
        site_header(&s, STR("Sec-Fetch-Site"), STR("same-origin"));
        d = ask(&s, &rows[i].asked, PHONE);
        assert_string_equal(d.reason, rows[i].loud);
        site_deinit(&s);
    }
}

/* "Origin: null" may look at a page, whatever the grant says of scripts. */
static void a_page_that_hides_changes_nothing(void **state) {
    (void)state;
    static const struct {
        struct asked asked;
        const char *reason;
    } rows[] = {
        {{"GET", "/line.htm", 0}, "ok"},
        {{"GET", "/line.htm?l=1", 0}, "other_site"},
        {{"POST", "/line.htm", 5}, "other_site"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct site s;
        site_init(&s, &site_user_bob);
        site_header(&s, STR("Origin"), STR("null"));
        struct decision d = ask(&s, &rows[i].asked, PHONE);
        assert_string_equal(d.reason, rows[i].reason);
        site_deinit(&s);
    }
}

/* A program may sign its person out; no other site may. */
static void signing_out_asks_the_same(void **state) {
    (void)state;
    static const struct asked out = {"POST", "/signout", 0};
    for (size_t way = 0; way < ARRAY_LEN(forged); way++) {
        struct site s;
        site_init(&s, &site_user_bob);
        site_refuse_scripts(&s);
        struct decision d = ask(&s, &out, GATE);
        expect(&d, DECIDE_SIGN_OUT, "sign_out");
        forge(&s, way);
        d = ask(&s, &out, GATE);
        expect(&d, DECIDE_DENY, "other_site");
        site_deinit(&s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_sites_reach_no_phone),
        cmocka_unit_test(a_link_opens_a_page_and_nothing_else_does),
        cmocka_unit_test(all_else_stays_as_it_is),
        cmocka_unit_test(one_phones_page_is_another_site_to_the_next),
        cmocka_unit_test(programs_change_only_where_the_grant_says_so),
        cmocka_unit_test(a_page_that_hides_changes_nothing),
        cmocka_unit_test(signing_out_asks_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
