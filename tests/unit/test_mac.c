/* policy/base/mac.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/base/mac.h"

static void every_usual_spelling_is_the_same_mac(void **state) {
    static const char *const spellings[] = {
        "000413A1B2C3",      "000413a1b2c3",      "00:04:13:a1:b2:c3", "00-04-13-A1-B2-C3",
        "00.04.13.a1.b2.c3", "00 04 13 A1 b2 c3", "0004.13a1.b2c3",    "0004-13a1-b2c3",
        "000413-a1b2c3",     "000413:A1B2C3",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(spellings); i++) {
        char mac[MAC_HEX];
        assert_true(mac_read(str_of(spellings[i]), mac));
        assert_memory_equal(mac, "000413A1B2C3", MAC_HEX);
    }
}

static void anything_else_is_none(void **state) {
    static const char *const texts[] = {
        "",
        "000413A1B2C",        /* a digit short */
        "000413A1B2C3F",      /* one too many */
        "00413A1B2C3G",       /* no hex digit */
        "00:04:13:a1-b2:c3",  /* two kinds of separator */
        "0:4:13:a1:b2:c3",    /* a zero left out: could be two MACs */
        "00:04:13:a1:b2:c3:", /* one separator too many */
        ":00:04:13:a1:b2:c3", /* the same */
        "00041:3a1b2:c3",     /* groups of five */
        "00_04_13_a1_b2_c3",  /* a separator nobody uses */
        "0004:13a1b2:c3",     /* unequal groups */
        " 000413A1B2C3",      /* blanks around it are the reader's business */
        "{000413A1B2C3}",
        "000000000000",        /* what empty memory says */
        "FFFFFFFFFFFF",        /* everybody */
        "01:00:5e:00:00:01",   /* a multicast group */
        "00:00:00:00:00:0\xc4" /* no ASCII */
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        char mac[MAC_HEX];
        if (mac_read(str_of(texts[i]), mac)) fail_msg("taken: %s", texts[i]);
    }
}

static void a_slice_ends_where_it_ends(void **state) {
    char mac[MAC_HEX];
    (void)state;
    assert_false(mac_read(str_part(STR("000413A1B2C3"), 0, 11), mac));
    assert_true(mac_read(str_part(STR("000413A1B2C3.xml"), 0, 12), mac));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_usual_spelling_is_the_same_mac),
        cmocka_unit_test(anything_else_is_none),
        cmocka_unit_test(a_slice_ends_where_it_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
