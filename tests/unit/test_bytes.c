/* Encodings that have one spelling for each value, and secrets. */
#include "policy/base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

/* Behind the four headers that it needs. */
#include <cmocka.h>

static void V13_hex_in_either_case(void **state) {
    (void)state;
    uint8_t out[4];
    static const uint8_t want[4] = {0x01, 0x9a, 0xbf, 0xff};
    assert_true(bytes_from_hex(STR("019abfff"), out, 4));
    assert_memory_equal(out, want, 4);
    assert_true(bytes_from_hex(STR("019ABfFf"), out, 4));
    assert_memory_equal(out, want, 4);
    assert_true(bytes_from_hex(STR(""), out, 0));
    static const char *const bad[] = {"019abff",  "019abfff0", "019abffg",      "g19abfff",
                                      " 19abfff", "+19abfff",  "019abf\xc3\xa4"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(bytes_from_hex(str_of(bad[i]), out, 4));
    assert_false(bytes_from_hex((struct str){"019abf\0f", 8}, out, 4));
    /* Each octet that is a hex digit, and no other. */
    for (int i = 0; i < 256; i++) {
        char digits[2] = {'0', (char)i};
        assert_int_equal(bytes_from_hex((struct str){digits, 2}, out, 1), ascii_is_hex((char)i));
        if (ascii_is_hex((char)i)) assert_int_equal(out[0], ascii_hex_value((char)i));
    }
}

static void R06_base64url_has_one_spelling(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        const char *text;
    } rows[] = {
        {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
        {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xff\xfe\xfb", "__77"},
        {"\xfb\xff", "-_8"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[16] = {0};
        uint8_t back[16];
        size_t len = strlen(rows[i].bytes);
        bytes_to_b64((const uint8_t *)rows[i].bytes, len, text);
        assert_string_equal(text, rows[i].text);
        assert_int_equal(BYTES_B64_LEN(len), strlen(text));
        assert_true(bytes_from_b64(str_of(text), back, len));
        assert_memory_equal(back, rows[i].bytes, len);
        assert_false(bytes_from_b64(str_of(text), back, len + 1));
    }
    uint8_t out[8];
    static const char *const bad[] = {"Zh", "Z", "Zg=", "Zg==", "Z+", "Z/", "Z ", "\xc3\xa4"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(bytes_from_b64(str_of(bad[i]), out, 1));
    assert_false(bytes_from_b64(STR("Zm9"), out, 2));
    /* Of all texts of two characters, 256 are one octet: each exactly once. */
    unsigned accepted = 0;
    bool seen[256] = {false};
    for (int i = 0; i < 65536; i++) {
        char text[2] = {(char)(i >> 8), (char)i};
        if (!bytes_from_b64((struct str){text, 2}, out, 1)) continue;
        assert_false(seen[out[0]]);
        seen[out[0]] = true;
        accepted++;
    }
    assert_int_equal(accepted, 256);
}

static void integers(void **state) {
    (void)state;
    uint8_t out[8];
    static const uint8_t want[8] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
    bytes_put_u64(out, 0x0123456789abcdefu);
    assert_memory_equal(out, want, 8);
    assert_true(bytes_get_u64(out) == 0x0123456789abcdefu);
}

static void V13_secrets(void **state) {
    (void)state;
    uint8_t a[3] = {1, 2, 3};
    uint8_t b[3] = {1, 2, 4};
    static const uint8_t zero[3] = {0};
    assert_false(bytes_equal_ct(a, b, 3));
    assert_true(bytes_equal_ct(a, b, 2));
    assert_true(bytes_equal_ct(a, b, 0));
    bytes_wipe(a, 3);
    assert_memory_equal(a, zero, 3);
    bytes_wipe(NULL, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(V13_hex_in_either_case),
        cmocka_unit_test(R06_base64url_has_one_spelling),
        cmocka_unit_test(integers),
        cmocka_unit_test(V13_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
