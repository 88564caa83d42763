/* The gate's own pages: what comes from outside is text, never markup, and every page has an end.
 */
#include "proxy/client/page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

/* Behind the four headers that it needs. */
#include <cmocka.h>

#define NASTY "<script>alert('1')</script>\"&"
#define TAMED "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot;&amp;"

static bool has(const struct outbuf *page, const char *text) {
    return memmem(page->ptr, page->len, text, strlen(text)) != NULL;
}

static size_t count(const struct outbuf *page, const char *text) {
    size_t found = 0;
    struct str rest = outbuf_str(page);
    const char *at;
    while ((at = memmem(rest.ptr, rest.len, text, strlen(text))) != NULL) {
        found++;
        rest = str_part(rest, (size_t)(at - rest.ptr) + 1, rest.len);
    }
    return found;
}

static void expect_whole(const struct outbuf *page) {
    assert_false(page->full);
    assert_true(str_starts_with(outbuf_str(page), STR("<!DOCTYPE html>\n<html lang=\"en\">")));
    assert_true(str_ends_with(outbuf_str(page), STR("</main></body></html>\n")));
    assert_int_equal(count(page, "<h1>"), 1);
    assert_int_equal(count(page, "<title>"), 1);
    assert_false(has(page, "<script"));
    assert_false(has(page, "javascript:"));
}

static struct outbuf status_page(char *memory, unsigned status, const char *reason,
                                 struct str detail) {
    struct outbuf page;
    outbuf_init(&page, memory, PAGE_MAX);
    page_status(&page, status, reason, detail, 1234);
    return page;
}

static void a_rules_own_words_and_the_reason_are_escaped(void **state) {
    (void)state;
    char memory[PAGE_MAX];
    struct outbuf page = status_page(memory, 403, NASTY, STR(NASTY));
    expect_whole(&page);
    assert_int_equal(count(&page, TAMED), 2);
    assert_true(has(&page, "request 1234"));
}

static void every_status_fits_with_the_longest_detail(void **state) {
    (void)state;
    static const char *const reasons[] = {"",
                                          "phone_not_hardened",
                                          "phone_credentials_rejected",
                                          "phone_pin_mismatch",
                                          "phone_certificate_untrusted",
                                          "access_log_failed",
                                          "connections_full",
                                          "address_connections_full"};
    char detail[4096];
    memset(detail, '"', sizeof(detail));
    for (unsigned status = 200; status < 600; status++) {
        for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
            char memory[PAGE_MAX];
            struct str text = {detail, sizeof(detail)};
            struct outbuf page = status_page(memory, status, reasons[i], text);
            expect_whole(&page);
            assert_int_equal(count(&page, "&quot;"), 512); /* cut there */
        }
    }
}

static void refusals_that_must_not_differ_do_not(void **state) {
    (void)state;
    static const unsigned alike[] = {401, 404, 421};
    for (size_t i = 0; i < ARRAY_LEN(alike); i++) {
        char one_memory[PAGE_MAX];
        char two_memory[PAGE_MAX];
        struct outbuf one = status_page(one_memory, alike[i], "unknown_user", STR_NONE);
        struct outbuf two;
        outbuf_init(&two, two_memory, PAGE_MAX);
        page_status(&two, alike[i], "wrong_password", STR_NONE, 99999);
        assert_true(str_equal(outbuf_str(&one), outbuf_str(&two)));
    }
    char one_memory[PAGE_MAX];
    char two_memory[PAGE_MAX];
    struct outbuf one = status_page(one_memory, 502, "phone_reset", STR_NONE);
    struct outbuf two = status_page(two_memory, 502, "phone_garbage", STR_NONE);
    assert_false(str_equal(outbuf_str(&one), outbuf_str(&two)));
}

static void links_carry_no_referer(void **state) {
    (void)state;
    for (unsigned status = 400; status < 600; status++) {
        char memory[PAGE_MAX];
        struct outbuf page = status_page(memory, status, "x", STR_NONE);
        assert_int_equal(count(&page, "<a "), count(&page, "rel=\"noreferrer\""));
    }
}

static void who_am_i_and_sign_out_escape_names(void **state) {
    (void)state;
    char memory[16384];
    struct outbuf page;
    outbuf_init(&page, memory, sizeof(memory));
    page_whoami(&page, &(struct page_person){.name = STR(NASTY),
                                             .address = STR("192.0.2.1"),
                                             .algorithm = STR("SHA-256"),
                                             .since_ms = 784111777000});
    page_portal_end(&page, 1);
    expect_whole(&page);
    assert_int_equal(count(&page, TAMED), 1);
    assert_true(has(&page, "1994-11-06 08:49:37 UTC"));
    outbuf_init(&page, memory, sizeof(memory));
    page_whoami(&page, &(struct page_person){.name = STR("bob"), .since_ms = 0});
    page_portal_end(&page, 0);
    assert_true(has(&page, "not known"));
    outbuf_init(&page, memory, sizeof(memory));
    page_sign_out(&page, STR(NASTY));
    expect_whole(&page);
    assert_int_equal(count(&page, TAMED), 1);
    assert_true(has(&page, "<form method=\"post\" action=\"/signout\">"));
    outbuf_init(&page, memory, sizeof(memory));
    page_signed_out(&page);
    expect_whole(&page);
    assert_int_equal(count(&page, "<a "), count(&page, "rel=\"noreferrer\""));
}

static void the_portal_escapes_names_and_links(void **state) {
    (void)state;
    char memory[16384];
    struct outbuf page;
    const struct page_phone phones[] = {
        {.name = STR(NASTY), .role = STR(NASTY), .host_href = STR(NASTY), .path_href = STR(NASTY)},
        {.name = STR("Hall"), .role = STR("user"), .path_href = STR("/phone/102/")},
    };
    outbuf_init(&page, memory, sizeof(memory));
    page_portal_begin(&page, STR(NASTY));
    for (size_t i = 0; i < ARRAY_LEN(phones); i++) page_portal_phone(&page, &phones[i]);
    page_portal_end(&page, ARRAY_LEN(phones));
    expect_whole(&page);
    assert_int_equal(count(&page, TAMED), 5); /* the person; name, role and two links */
    assert_true(has(&page, "<a href=\"/phone/102/\" rel=\"noreferrer\">Hall</a>"));
    assert_int_equal(count(&page, "<a "), 3 + 3); /* and start, who am I, sign out */
    assert_int_equal(count(&page, "<a "), count(&page, "rel=\"noreferrer\""));
    assert_int_equal(count(&page, "<li>"), 2);
    assert_int_equal(count(&page, "</li>"), 2);
    assert_false(has(&page, "No phone is open to you"));
}

static void a_portal_without_phones_says_so(void **state) {
    (void)state;
    char memory[PAGE_MAX];
    struct outbuf page;
    outbuf_init(&page, memory, sizeof(memory));
    page_portal_begin(&page, STR("bob"));
    page_portal_end(&page, 0);
    expect_whole(&page);
    assert_true(has(&page, "No phone is open to you"));
}

static void what_does_not_fit_is_marked(void **state) {
    (void)state;
    char memory[PAGE_MAX];
    struct outbuf page;
    outbuf_init(&page, memory, 100);
    page_status(&page, 403, "x", STR_NONE, 1);
    assert_true(page.full);
}

static void phrases(void **state) {
    (void)state;
    assert_true(str_equal(page_phrase(404), STR("Not Found")));
    assert_true(str_equal(page_phrase(299), STR("OK")));
    assert_true(str_equal(page_phrase(399), STR("Redirect")));
    assert_true(str_equal(page_phrase(599), STR("Error")));
    for (unsigned status = 100; status < 600; status++)
        assert_true(page_phrase(status).len > 0 && page_phrase(status).len < 40);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rules_own_words_and_the_reason_are_escaped),
        cmocka_unit_test(every_status_fits_with_the_longest_detail),
        cmocka_unit_test(refusals_that_must_not_differ_do_not),
        cmocka_unit_test(links_carry_no_referer),
        cmocka_unit_test(the_portal_escapes_names_and_links),
        cmocka_unit_test(who_am_i_and_sign_out_escape_names),
        cmocka_unit_test(a_portal_without_phones_says_so),
        cmocka_unit_test(what_does_not_fit_is_marked),
        cmocka_unit_test(phrases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
