/* Slices: cutting, comparing, numbers, keyed hashing, UTF-8. */
#include "policy/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

/* Behind the four headers that it needs. */
#include <cmocka.h>

static void parts_and_trimming(void **state) {
    (void)state;
    struct str s = STR("hello");
    assert_true(str_equal(str_part(s, 1, 3), STR("ell")));
    assert_true(str_equal(str_part(s, 3, 100), STR("lo")));
    assert_int_equal(str_part(s, 5, 1).len, 0);
    assert_int_equal(str_part(s, 100, SIZE_MAX).len, 0);
    assert_null(str_part(STR_NONE, 1, 1).ptr);
    assert_true(str_equal(str_trim(STR(" \t a b\t ")), STR("a b")));
    assert_int_equal(str_trim(STR(" \t")).len, 0);
    assert_true(str_equal(str_trim(STR("\na\r")), STR("\na\r")));
    assert_null(str_of(NULL).ptr);
    assert_int_equal(str_of("abc").len, 3);
}

static void comparisons(void **state) {
    (void)state;
    assert_true(str_equal(STR(""), STR_NONE));
    assert_false(str_equal(STR("a"), STR("b")));
    assert_false(str_equal(STR("a"), STR("ab")));
    assert_false(str_equal(STR("a"), STR("A")));
    assert_true(str_equal_icase(STR("aZ[@`{9"), STR("Az[@`{9")));
    assert_false(str_equal_icase(STR("["), STR("{")));
    assert_false(str_equal_icase(STR("@"), STR("`")));
    assert_false(str_equal_icase(STR("\xc4"), STR("\xe4")));
    assert_true(str_starts_with(STR("abc"), STR("ab")));
    assert_false(str_starts_with(STR("a"), STR("ab")));
    assert_false(str_starts_with(STR("Abc"), STR("ab")));
    assert_true(str_starts_with_icase(STR("Abc"), STR("aB")));
    assert_true(str_ends_with(STR("abc"), STR("bc")));
    assert_true(str_ends_with(STR("abc"), STR("")));
    assert_false(str_ends_with(STR("bc"), STR("abc")));
}

static void finding_and_splitting(void **state) {
    (void)state;
    assert_int_equal(str_find(STR("a,b,c"), ',', 0), 1);
    assert_int_equal(str_find(STR("a,b,c"), ',', 2), 3);
    assert_int_equal(str_find(STR("a,b,c"), ',', 4), 5);
    assert_int_equal(str_find(STR("a"), 'a', 9), 1);
    assert_int_equal(str_find(STR_NONE, 'a', 0), 0);
    struct str rest = STR("a,,b,");
    static const char *const pieces[] = {"a", "", "b", ""};
    struct str piece;
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        assert_true(str_split(&rest, ',', &piece));
        assert_true(str_equal(piece, str_of(pieces[i])));
    }
    assert_false(str_split(&rest, ',', &piece));
    rest = STR("");
    assert_true(str_split(&rest, ',', &piece));
    assert_int_equal(piece.len, 0);
    assert_false(str_split(&rest, ',', &piece));
    assert_true(str_list_has(STR("close, Upgrade ,x"), STR("upgrade")));
    assert_false(str_list_has(STR("closed, xclose"), STR("close")));
    assert_false(str_list_has(STR_NONE, STR("close")));
}

static void numbers(void **state) {
    (void)state;
    uint64_t value = 7;
    assert_true(str_to_u64(STR("0"), 10, &value));
    assert_int_equal(value, 0);
    assert_true(str_to_u64(STR("00010"), 10, &value));
    assert_int_equal(value, 10);
    assert_true(str_to_u64(STR("18446744073709551615"), UINT64_MAX, &value));
    assert_true(value == UINT64_MAX);
    static const char *const bad[] = {"",   "11", "+1",  "-1",  " 1",
                                      "1 ", "1a", "0x1", "1.0", "18446744073709551616"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(str_to_u64(str_of(bad[i]), 10, &value));
    assert_false(str_to_u64(STR("18446744073709551616"), UINT64_MAX, &value));
    assert_false(str_to_u64(STR("99999999999999999999"), UINT64_MAX, &value));
    assert_true(value == UINT64_MAX); /* untouched by failures */
}

/* The reference's own vectors: key 00..0f, messages 00, 0001, ... (little endian). */
static void hash_is_siphash_2_4(void **state) {
    (void)state;
    static const uint64_t key[2] = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};
    static const uint64_t want[] = {0x726fdb47dd0e0e31u, 0x74f839c593dc67fdu, 0x0d6c8009d9a94f5au,
                                    0x85676696d7fb7e2du, 0xcf2794e0277187b7u, 0x18765564cd99a68du,
                                    0xcbc9466e58fee3ceu, 0xab0200f58b01d137u, 0x93f5f5799a932462u,
                                    0x9e0082df0ba9e4b0u, 0x7a5dbbc594ddb9f3u, 0xf4b32f46226bada7u,
                                    0x751e8fbc860ee5fbu, 0x14ea5627c0843d90u, 0xf723ca908e7af2eeu,
                                    0xa129ca6149be45e5u, 0x3f2acc7f57c29bdbu};
    char message[17];
    for (size_t i = 0; i < sizeof(message); i++) message[i] = (char)i;
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        assert_true(str_hash((struct str){message, i}, key, false) == want[i]);
    static const uint64_t other[2] = {1, 2};
    assert_true(str_hash(STR("Host"), key, true) == str_hash(STR("hOST"), key, true));
    assert_true(str_hash(STR("Host"), key, false) != str_hash(STR("hOST"), key, false));
    assert_true(str_hash(STR("Host"), key, false) != str_hash(STR("Host"), other, false));
}

/* Folding before hashing is the same as hashing what was folded octet by octet. */
static void hash_folds_every_octet_as_ascii_lower(void **state) {
    (void)state;
    static const uint64_t key[2] = {3, 4};
    char text[24], lower[24];
    for (unsigned c = 0; c < 256; c++) {
        for (size_t len = 0; len <= sizeof(text); len++) {
            for (size_t i = 0; i < len; i++) text[i] = (char)(c + i % 3);
            for (size_t i = 0; i < len; i++) lower[i] = ascii_lower(text[i]);
            assert_true(str_hash((struct str){text, len}, key, true) ==
                        str_hash((struct str){lower, len}, key, false));
        }
    }
}

static void character_classes(void **state) {
    (void)state;
    unsigned alpha = 0, digit = 0, hex = 0, tchar = 0;
    for (int i = 0; i < 256; i++) {
        char c = (char)i;
        alpha += ascii_is_alpha(c);
        digit += ascii_is_digit(c);
        hex += ascii_is_hex(c);
        tchar += ascii_is_tchar(c);
        assert_int_equal(ascii_is_hex(c), ascii_hex_value(c) >= 0);
        assert_true(ascii_lower(c) == c || (c >= 'A' && c <= 'Z'));
    }
    assert_int_equal(alpha, 52);
    assert_int_equal(digit, 10);
    assert_int_equal(hex, 22);
    assert_int_equal(tchar, 62 + 15);
    assert_int_equal(ascii_hex_value('0'), 0);
    assert_int_equal(ascii_hex_value('f'), 15);
    assert_int_equal(ascii_hex_value('F'), 15);
    assert_int_equal(ascii_hex_value('g'), -1);
    for (const char *c = "()<>@,;:\\\"/[]?={} \t"; *c != '\0'; c++)
        assert_false(ascii_is_tchar(*c));
}

/* Every octet at every place of a text of every length up to three words. */
static void plain_octets(void **state) {
    (void)state;
    char text[24];
    for (size_t len = 0; len <= sizeof(text); len++) {
        memset(text, 'a', sizeof(text));
        assert_int_equal(str_plain((struct str){text, len}), len);
        assert_int_equal(str_visible((struct str){text, len}), len);
        for (size_t at = 0; at < len; at++) {
            for (unsigned octet = 0; octet < 256; octet++) {
                bool plain = octet >= 0x20 && octet <= 0x7e && octet != '"' && octet != '\\';
                memset(text, octet & 1 ? '~' : ' ', sizeof(text));
                text[at] = (char)octet;
                assert_int_equal(str_plain((struct str){text, len}), plain ? len : at);
                bool visible = octet >= 0x20 && octet != 0x7f;
                assert_int_equal(str_visible((struct str){text, len}), visible ? len : at);
            }
        }
    }
    assert_int_equal(str_plain(STR_NONE), 0);
    assert_int_equal(str_visible(STR_NONE), 0);
    assert_int_equal(str_visible(STR("\xff\x80 \xa0\x9f\r\n")), 5);
}

static void hex_of_every_octet(void **state) {
    (void)state;
    static const char digits[] = "0123456789abcdef";
    for (size_t len = 0; len <= 9; len++) {
        for (unsigned octet = 0; octet < 256; octet++) {
            uint8_t bytes[9];
            char text[20];
            for (size_t i = 0; i < len; i++) bytes[i] = (uint8_t)(octet + 37 * i);
            memset(text, '#', sizeof(text));
            str_put_hex(bytes, len, text);
            for (size_t i = 0; i < len; i++) {
                assert_int_equal(text[2 * i], digits[bytes[i] >> 4]);
                assert_int_equal(text[2 * i + 1], digits[bytes[i] & 15]);
            }
            assert_int_equal(text[2 * len], '#');
        }
    }
}

static void V17_utf8(void **state) {
    (void)state;
    static const char *const good[] = {"",
                                       "a",
                                       "\x7f",
                                       "\xc2\x80",
                                       "\xdf\xbf",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xef\xbf\xbf",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf",
                                       "J\xc3\xa4s\xc3\xb8n"};
    static const char *const bad[] = {"\x80",
                                      "\xbf",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xc2",
                                      "\xc2\x41",
                                      "\xc3\xc3",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xed\xbf\xbf",
                                      "\xe2\x82",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xf0\x9f\x98",
                                      "\xff",
                                      "\xfe",
                                      "a\xe4"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) assert_true(str_is_utf8(str_of(good[i])));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) assert_false(str_is_utf8(str_of(bad[i])));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_and_trimming),
        cmocka_unit_test(comparisons),
        cmocka_unit_test(finding_and_splitting),
        cmocka_unit_test(numbers),
        cmocka_unit_test(hash_is_siphash_2_4),
        cmocka_unit_test(hash_folds_every_octet_as_ascii_lower),
        cmocka_unit_test(character_classes),
        cmocka_unit_test(plain_octets),
        cmocka_unit_test(hex_of_every_octet),
        cmocka_unit_test(V17_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
