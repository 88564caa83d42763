/* The request as policy sees it: fields by name, methods by their exact spelling. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "policy/base/request.h"

static void is(struct str got, const char *wanted) {
    if (!str_equal(got, str_of(wanted))) {
        fail_msg("\"" STR_FMT "\", \"%s\" wanted", STR_ARG(got), wanted);
    }
}

static void request_headers_and_methods(void **state) {
    (void)state;
    const struct header headers[] = {
        {STR("Accept"), STR("a")}, {STR("accept"), STR("b")}, {STR("Host"), STR("h")}};
    const struct request_view req = {.headers = headers, .header_count = ARRAY_LEN(headers)};
    is(request_header(&req, STR("ACCEPT")), "a");
    assert_null(request_header(&req, STR("Cookie")).ptr);
    assert_int_equal(request_header_count(&req, STR("Accept")), 2);
    assert_int_equal(request_header_count(&req, STR("Cookie")), 0);
    for (unsigned i = 0; i < METHODS; i++) {
        enum method method = METHODS;
        assert_true(method_from(method_name((enum method)i), &method));
        assert_int_equal(method, i);
    }
    enum method method;
    assert_false(method_from(STR("get"), &method));
    assert_false(method_from(STR("TRACE"), &method));
    assert_false(method_from(STR(""), &method));
    assert_true(method_is_safe(METHOD_HEAD));
    assert_false(method_is_safe(METHOD_POST));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_headers_and_methods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
