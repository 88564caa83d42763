#include <stdlib.h>

#include "tests/unit/access_fixture.h"
#include "tests/unit/access_vectors.h"

static void expect_reason(const struct decision *d, enum decide_verdict verdict,
                          const char *reason) {
    assert_string_equal(d->reason, reason);
    assert_int_equal(d->verdict, verdict);
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

/* ---- bodies ---- */

static struct request_view post(const struct site *s, const char *target, uint64_t length) {
    struct request_view req =
        site_request(s, STR("POST"), STR("101.phones.example.com"), str_of(target));
    req.body = length > 0 ? BODY_LENGTH : BODY_CHUNKED;
    req.content_length = length;
    return req;
}

static void U06_a_body_is_asked_for_only_where_it_matters(void **state) {
    (void)state;
    struct site s;
    struct decision d;
    site_init(&s, &site_user_bob);
    site_header(&s, STR("Content-Type"), STR("application/x-www-form-urlencoded"));
    struct request_view req = post(&s, "/line.htm", 10);
    decide(&s.ctx, &req, &d);
    expect_reason(&d, DECIDE_NEED_BODY, "body_needed");
    assert_int_equal(d.status, 0);
    decide_body(&s.ctx, &req, STR("l=1&L=2"), &d);
    expect_target(&d, "/line.htm");
    assert_true(d.has_parameters);
    req = post(&s, "/line.htm?x=1", 10);
    decide(&s.ctx, &req, &d);
    expect_reason(&d, DECIDE_DENY, "no_rule"); /* whatever it says */
    req = post(&s, "/index.htm", 10);
    decide(&s.ctx, &req, &d);
    expect_reason(&d, DECIDE_DENY, "no_rule");
    site_deinit(&s);
}

static void U06_R16_what_the_body_says_decides(void **state) {
    (void)state;
    static const struct {
        const char *body, *reason;
    } rows[] = {
        {"l=1", "ok"},
        {"", "ok"},
        {"l=1&x=2", "no_rule"},
        {"l=1;x=2", "no_rule"},
        {"l=1&l=2&x", "no_rule"},
        {"l=1\r\nx:2", "no_rule"},
        {"l%00=1", "parameter_ambiguous"},
        {"l%2=1", "parameter_bad_escape"},
        {"l=0123456789012345678901234567890123456789012345678901234567890123456789", "no_rule"},
    };
    struct site s;
    site_init(&s, &site_user_bob);
    site_header(&s, STR("Content-Type"), STR("application/x-www-form-urlencoded"));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct decision d;
        struct request_view req = post(&s, "/line.htm", 0);
        decide(&s.ctx, &req, &d);
        expect_reason(&d, DECIDE_NEED_BODY, "body_needed");
        decide_body(&s.ctx, &req, str_of(rows[i].body), &d);
        assert_string_equal(d.reason, rows[i].reason);
        assert_int_equal(d.verdict == DECIDE_FORWARD, strcmp(d.reason, "ok") == 0);
    }
    site_deinit(&s);
}

static void U06_what_cannot_be_read_is_denied(void **state) {
    (void)state;
    static const struct {
        const char *name, *value;
        uint64_t length;
    } rows[] = {
        {"Content-Type", "application/x-www-form-urlencoded", 65}, /* longer than may be judged */
        {"Content-Type", "application/xml", 10},
        {"Content-Type", "", 10},
        {"X-Other", "x", 10}, /* no type at all */
        {"Content-Type", "application/x-www-form-urlencoded; charset=utf-16", 10},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct site s;
        struct decision d;
        site_init(&s, &site_user_bob);
        site_header(&s, str_of(rows[i].name), str_of(rows[i].value));
        struct request_view req = post(&s, "/line.htm", rows[i].length);
        decide(&s.ctx, &req, &d);
        expect_reason(&d, DECIDE_DENY, "no_rule");
        s.ctx.assume_user = &site_user_alice;
        req = post(&s, "/advanced.htm", rows[i].length);
        decide(&s.ctx, &req, &d);
        expect_reason(&d, DECIDE_DENY, "body_not_judged"); /* it might hold a reset */
        req = post(&s, "/upload.htm", rows[i].length);
        decide(&s.ctx, &req, &d);
        expect_target(&d, "/upload.htm"); /* nobody looks: it streams */
        site_deinit(&s);
    }
}

static void U06_two_types_or_a_coding_cannot_be_read(void **state) {
    (void)state;
    struct site s;
    struct decision d;
    site_init(&s, &site_user_bob);
    site_header(&s, STR("Content-Type"), STR("application/x-www-form-urlencoded"));
    site_header(&s, STR("Content-Encoding"), STR("gzip"));
    struct request_view req = post(&s, "/line.htm", 10);
    decide(&s.ctx, &req, &d);
    expect_reason(&d, DECIDE_DENY, "no_rule");
    s.headers[1] = (struct header){STR("content-type"), STR("text/plain")};
    decide(&s.ctx, &req, &d);
    expect_reason(&d, DECIDE_DENY, "no_rule");
    site_deinit(&s);
}

static void U06_a_chunked_body_that_grows_too_long(void **state) {
    (void)state;
    struct site s;
    struct decision d;
    site_init(&s, &site_user_bob);
    site_header(&s, STR("Content-Type"), STR("text/plain"));
    struct request_view req = post(&s, "/line.htm", 0);
    decide(&s.ctx, &req, &d);
    expect_reason(&d, DECIDE_NEED_BODY, "body_needed");
    decide_body_too_long(&s.ctx, &req, &d);
    expect_reason(&d, DECIDE_DENY, "no_rule");
    s.ctx.assume_user = &site_user_alice;
    req = post(&s, "/adv.htm", 0);
    decide(&s.ctx, &req, &d);
    expect_reason(&d, DECIDE_NEED_BODY, "body_needed");
    decide_body_too_long(&s.ctx, &req, &d);
    expect_reason(&d, DECIDE_DENY, "body_not_judged");
    site_deinit(&s);
}

/* More names than the arena holds: refused, not judged by half of them. */
static void U06_names_that_do_not_fit_are_a_refusal(void **state) {
    (void)state;
    static char body[8000];
    for (size_t i = 0; i < sizeof(body); i++) body[i] = i % 2 ? '&' : 'l';
    struct site s;
    struct decision d;
    site_init(&s, &site_user_bob);
    s.policy.judged_body_bytes = sizeof(body);
    site_header(&s, STR("Content-Type"), STR("application/x-www-form-urlencoded"));
    struct request_view req = post(&s, "/line.htm", sizeof(body));
    decide(&s.ctx, &req, &d);
    expect_reason(&d, DECIDE_NEED_BODY, "body_needed");
    decide_body(&s.ctx, &req, (struct str){body, sizeof(body)}, &d);
    expect_reason(&d, DECIDE_DENY, "no_memory");
    assert_int_equal(d.status, 431);
    site_deinit(&s);
}

static void a_get_with_a_body_is_no_plain_get(void **state) {
    (void)state;
    struct site s;
    struct decision d;
    site_init(&s, &site_user_bob);
    struct request_view req =
        site_request(&s, STR("GET"), STR("101.phones.example.com"), STR("/index.htm"));
    req.body = BODY_CHUNKED;
    decide(&s.ctx, &req, &d);
    expect_reason(&d, DECIDE_DENY, "no_rule");
    site_deinit(&s);
}

static void reasons_are_named_once_and_carry_their_status(void **state) {
    (void)state;
    for (unsigned i = 0; i <= DECIDE_REASON_NO_MEMORY; i++) {
        const char *name = decide_reason_str((enum decide_reason)i);
        assert_true(strspn(name, "abcdefghijklmnopqrstuvwxyz_") == strlen(name));
        for (unsigned j = 0; j < i; j++) {
            assert_string_not_equal(name, decide_reason_str((enum decide_reason)j));
        }
    }
    assert_int_equal(decide_reason_status(DECIDE_REASON_UNKNOWN_HOST), 421);
    assert_string_equal(decide_verdict_str(DECIDE_DENY), "deny");
    assert_string_equal(decide_verdict_str(DECIDE_OPTIONS), "options");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(U06_a_body_is_asked_for_only_where_it_matters),
        cmocka_unit_test(U06_R16_what_the_body_says_decides),
        cmocka_unit_test(U06_what_cannot_be_read_is_denied),
        cmocka_unit_test(U06_two_types_or_a_coding_cannot_be_read),
        cmocka_unit_test(U06_a_chunked_body_that_grows_too_long),
        cmocka_unit_test(U06_names_that_do_not_fit_are_a_refusal),
        cmocka_unit_test(a_get_with_a_body_is_no_plain_get),
        cmocka_unit_test(reasons_are_named_once_and_carry_their_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
