/* Slices of foreign bytes: the base of everything that is judged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "policy/base/str.h"

static void is(struct str got, const char *wanted) {
    if (!str_equal(got, str_of(wanted))) {
        fail_msg("\"" STR_FMT "\", \"%s\" wanted", STR_ARG(got), wanted);
    }
}

static void parts_are_cut_to_what_is_there(void **state) {
    (void)state;
    is(str_part(STR("abcdef"), 2, 3), "cde");
    is(str_part(STR("abcdef"), 4, 99), "ef");
    is(str_part(STR("abcdef"), 6, 1), "");
    is(str_part(STR("abcdef"), 99, SIZE_MAX), "");
    is(str_of(NULL), "");
}

static void trim_takes_blanks_and_tabs_only(void **state) {
    (void)state;
    is(str_trim(STR(" \t a b \t")), "a b");
    is(str_trim(STR(" \t ")), "");
    is(str_trim(STR("\r\na\v")), "\r\na\v");
}

static void equality_and_case(void **state) {
    (void)state;
    assert_true(str_equal(STR_NONE, STR("")));
    assert_false(str_equal(STR("a"), STR("A")));
    assert_false(str_equal(STR("a"), STR("a\0")));
    assert_true(str_equal_icase(STR("Host"), STR("hOST")));
    /* '@' and '`', '[' and '{' differ by the bit that makes case: they are no letters. */
    assert_false(str_equal_icase(STR("@["), STR("`{")));
    assert_false(str_equal_icase(STR("\xC4"), STR("\xE4")));
    assert_true(str_starts_with(STR("/phone/1"), STR("/phone/")));
    assert_false(str_starts_with(STR("/pho"), STR("/phone/")));
    assert_true(str_starts_with_icase(STR("DIGEST x"), STR("Digest ")));
    assert_true(str_ends_with(STR("a.htm"), STR(".htm")));
    assert_false(str_ends_with(STR("htm"), STR(".htm")));
    assert_true(str_ends_with(STR("x"), STR("")));
}

static void find_and_split(void **state) {
    (void)state;
    assert_int_equal(str_find(STR("a?b?"), '?', 0), 1);
    assert_int_equal(str_find(STR("a?b?"), '?', 2), 3);
    assert_int_equal(str_find(STR("a"), '?', 0), 1);
    assert_int_equal(str_find(STR("a"), '?', 9), 1);
    const char *wanted[] = {"a", "", "b", ""};
    struct str rest = STR("a,,b,");
    struct str piece;
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        assert_true(str_split(&rest, ',', &piece));
        is(piece, wanted[i]);
    }
    assert_false(str_split(&rest, ',', &piece));
    rest = STR("");
    assert_true(str_split(&rest, ',', &piece));
    is(piece, "");
    assert_false(str_split(&rest, ',', &piece));
}

static void numbers_are_digits_within_a_bound(void **state) {
    (void)state;
    const struct {
        const char *text;
        uint64_t max, value;
        bool ok;
    } rows[] = {
        {"0", 0, 0, true},
        {"0042", 99, 42, true},
        {"18446744073709551615", UINT64_MAX, UINT64_MAX, true},
        {"18446744073709551616", UINT64_MAX, 0, false},
        {"99999999999999999999999", UINT64_MAX, 0, false},
        {"101", 100, 0, false},
        {"", 9, 0, false},
        {"+1", 9, 0, false},
        {"-1", 9, 0, false},
        {" 1", 9, 0, false},
        {"1 ", 9, 0, false},
        {"0x1", 99, 0, false},
        {"1e1", 99, 0, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t value = 0;
        bool ok = str_to_u64(str_of(rows[i].text), rows[i].max, &value);
        if (ok != rows[i].ok || (ok && value != rows[i].value)) fail_msg("\"%s\"", rows[i].text);
    }
}

/* Vectors of the SipHash paper, key 00 01 .. 0f. */
static void hash_is_siphash_2_4(void **state) {
    (void)state;
    const uint64_t key[2] = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    char octets[15];
    for (size_t i = 0; i < sizeof(octets); i++) octets[i] = (char)i;
    assert_true(str_hash(STR(""), key, false) == 0x726fdb47dd0e0e31);
    assert_true(str_hash((struct str){octets, 8}, key, false) == 0x93f5f5799a932462);
    assert_true(str_hash((struct str){octets, 15}, key, false) == 0xa129ca6149be45e5);
    assert_true(str_hash(STR("Alice"), key, true) == str_hash(STR("aLICE"), key, true));
    assert_true(str_hash(STR("Alice"), key, false) != str_hash(STR("aLICE"), key, false));
}

static void list_has_whole_tokens(void **state) {
    (void)state;
    assert_true(str_list_has(STR("keep-alive, Close"), STR("close")));
    assert_true(str_list_has(STR(",close ,"), STR("close")));
    assert_false(str_list_has(STR("not-close, closed"), STR("close")));
    assert_false(str_list_has(STR(""), STR("close")));
}

static void classes_of_octets(void **state) {
    (void)state;
    for (int octet = 0; octet < 256; octet++) {
        char c = (char)octet;
        bool digit = octet != 0 && strchr("0123456789", octet) != NULL;
        bool letter = octet != 0 &&
                      strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", octet) != NULL;
        bool hex = octet != 0 && strchr("0123456789abcdefABCDEF", octet) != NULL;
        bool mark = octet != 0 && strchr("!#$%&'*+-.^_`|~", octet) != NULL;
        assert_int_equal(ascii_is_digit(c), digit);
        assert_int_equal(ascii_is_alpha(c), letter);
        assert_int_equal(ascii_is_hex(c), hex);
        assert_int_equal(ascii_hex_value(c) >= 0, hex);
        assert_int_equal(ascii_is_tchar(c), digit || letter || mark);
    }
    assert_int_equal(ascii_hex_value('f'), 15);
    assert_int_equal(ascii_hex_value('A'), 10);
}

static void utf8_is_well_formed(void **state) {
    (void)state;
    const char *good[] = {"",
                          "plain",
                          "J\xC3\xA4s\xC3\xB8n",
                          "\xE2\x82\xAC",
                          "\xF0\x9F\x93\x9E",
                          "\xEF\xBF\xBF",
                          "\xF4\x8F\xBF\xBF",
                          "\xED\x9F\xBF",
                          "\xC2\x80",
                          "\xE0\xA0\x80",
                          "\xF0\x90\x80\x80"};
    const char *bad[] = {"\x80",
                         "\xC3",
                         "\xC0\xAF",
                         "\xC1\xBF",
                         "\xE0\x80\xAF",
                         "\xE2\x82",
                         "\xED\xA0\x80",
                         "\xED\xBF\xBF",
                         "\xFF",
                         "\xF4\x90\x80\x80",
                         "\xF0\x80\x80\x80",
                         "\xC3\x28",
                         "\xF5\x80\x80\x80",
                         "\xE0\x9F\xBF",
                         "\xF0\x8F\xBF\xBF"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) assert_true(str_is_utf8(str_of(good[i])));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (str_is_utf8(str_of(bad[i]))) fail_msg("bad[%zu] passed", i);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_cut_to_what_is_there),
        cmocka_unit_test(trim_takes_blanks_and_tabs_only),
        cmocka_unit_test(equality_and_case),
        cmocka_unit_test(find_and_split),
        cmocka_unit_test(numbers_are_digits_within_a_bound),
        cmocka_unit_test(hash_is_siphash_2_4),
        cmocka_unit_test(list_has_whole_tokens),
        cmocka_unit_test(classes_of_octets),
        cmocka_unit_test(utf8_is_well_formed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
