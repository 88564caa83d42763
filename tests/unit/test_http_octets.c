/* The table of octets against the definitions in the RFCs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "proxy/http/http_octets.h"

static bool among(int c, const char *set) {
    return c != 0 && strchr(set, c) != NULL;
}

static bool is_alnum(int c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void test_every_octet(void **state) {
    (void)state;
    for (int c = 0; c < 256; c++) {
        bool field = c == '\t' || (c >= 0x20 && c != 0x7f);
        bool token = is_alnum(c) || among(c, "!#$%&'*+-.^_`|~");
        bool target = c > 0x20 && c < 0x7f && !among(c, "\"#<>\\^`{}");
        bool host = is_alnum(c) || among(c, "-._~" /* unreserved */ "!$&'()*+,;=" /* sub-delims */);
        assert_int_equal(http_is_octet((char)c, OCTET_FIELD), field);
        assert_int_equal(http_is_octet((char)c, OCTET_TOKEN), token);
        assert_int_equal(http_is_octet((char)c, OCTET_TARGET), target);
        assert_int_equal(http_is_octet((char)c, OCTET_HOST), host);
        assert_int_equal(http_is_octet((char)c, OCTET_TOKEN), ascii_is_tchar((char)c));
    }
}

static void test_all_octets(void **state) {
    (void)state;
    assert_true(http_all_octets(STR("Host"), OCTET_TOKEN));
    assert_false(http_all_octets(STR("Host "), OCTET_TOKEN));
    assert_false(http_all_octets(STR(" Host"), OCTET_TOKEN));
    assert_false(http_all_octets(STR(""), OCTET_TOKEN)); /* nothing is no token */
    assert_false(http_all_octets(STR_NONE, OCTET_FIELD));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_octet),
        cmocka_unit_test(test_all_octets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
