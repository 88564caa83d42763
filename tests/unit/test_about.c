/* Which phone a page of system information says it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "policy/harden/about.h"
#include "policy/harden/challenge.h"

static const struct about_labels labels = {
    {"/info.htm", 9}, {"Hardware:", 9}, {"Firmware-Version:", 17}, {"Mac:", 4}};

static void check(const char *page, const char *model, const char *firmware, const char *mac) {
    struct about about;
    about_read(str_of(page), &labels, &about);
    assert_true(str_equal(about.model, str_of(model)));
    assert_true(str_equal(about.firmware, str_of(firmware)));
    assert_true(str_equal(about.mac, str_of(mac)));
}

static void reads_lines_and_tables(void **state) {
    (void)state;
    check(
        "<pre>Mac: 000413A1B2C3\nHardware: snomD785\nFirmware-Version: snomD785-SIP 10.1.5\n</pre>",
        "D785", "snomD785-SIP 10.1.5", "000413A1B2C3");
    check("<td>Hardware:</td>&nbsp;<td> <b>D717</b></td><td>MAC:</td><td>00:04:13:a1:b2:c3</td>",
          "D717", "", "00:04:13:a1:b2:c3");
    check("Firmware-Version: snom320-SIP 8.7.5.13\n", "320", "snom320-SIP 8.7.5.13", "");
}

static void takes_nothing_that_looks_wrong(void **state) {
    (void)state;
    check("", "", "", "");
    check("Hardware:", "", "", "");
    check("Hardware: <", "", "", "");
    check("Hardware: D785\"onload=1\nMac: 000413A1B2\nFirmware-Version: \001", "", "", "");
    check("Hardware: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n", "", "", "");
}

static void models_are_the_same_with_and_without_the_maker(void **state) {
    (void)state;
    assert_true(about_same_model(STR("snomD785"), STR("d785")));
    assert_false(about_same_model(STR("D785"), STR("D78")));
}

/* Configured model and MAC, then what the phone says. */
static bool is_this(const char *model, const char *mac, const char *seen_model,
                    const char *seen_mac) {
    static const struct str shared[] = {{"300", 3}, {"320", 3}};
    const struct about_key key = {
        shared, 2, str_of(model), str_of(mac), str_of(seen_model), str_of(seen_mac)};
    return about_is_this_phone(&key);
}

static void a_key_that_its_model_shares_needs_the_mac(void **state) {
    (void)state;
    assert_true(is_this("", "", "D785", ""));
    assert_true(is_this("D785", "", "", ""));
    assert_false(is_this("", "", "320", ""));
    assert_false(is_this("snom320", "", "", ""));
    assert_false(is_this("", "", "", "")); /* it may be one of those */
    assert_false(is_this("320", "000413000001", "320", ""));
    assert_false(is_this("320", "", "320", "000413000001"));
    assert_false(is_this("320", "000413000001", "320", "000413000002"));
    assert_false(is_this("320", "", "D785", "")); /* one of both is enough */
    assert_true(is_this("320", "000413000001", "snom320", "000413000001"));
    assert_true(is_this("", "000413000001", "", "000413000001"));
}

static void without_models_that_share_a_key_the_pin_is_enough(void **state) {
    (void)state;
    const struct about_key key = {.seen_model = STR("320")};
    assert_true(about_is_this_phone(&key));
}

static enum harden_challenge asked(const char *first, const char *second) {
    const struct header headers[] = {{STR("Www-Authenticate"), str_of(first)},
                                     {STR("WWW-Authenticate"), str_of(second)}};
    return harden_challenge_of(headers, second == NULL ? 1 : 2);
}

static void challenges_by_their_schemes(void **state) {
    (void)state;
    assert_int_equal(asked("Basic REALM=\"snom\"", NULL), HARDEN_CHALLENGE_BASIC);
    assert_int_equal(asked("Digest realm=\"x\", nonce=\"y\"", NULL), HARDEN_CHALLENGE_DIGEST);
    assert_int_equal(asked("Digest realm=\"x\", nonce=\"y\"", "Basic realm=\"x\""),
                     HARDEN_CHALLENGE_BOTH);
    assert_int_equal(asked("Digest realm=\"x\", nonce=\"y\", Basic realm=\"x\"", NULL),
                     HARDEN_CHALLENGE_BOTH);
    assert_int_equal(asked("Negotiate", NULL), HARDEN_CHALLENGE_OTHER);
    assert_int_equal(asked("", NULL), HARDEN_CHALLENGE_OTHER);
    assert_int_equal(harden_challenge_of(NULL, 0), HARDEN_CHALLENGE_OTHER);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_lines_and_tables),
        cmocka_unit_test(takes_nothing_that_looks_wrong),
        cmocka_unit_test(models_are_the_same_with_and_without_the_maker),
        cmocka_unit_test(a_key_that_its_model_shares_needs_the_mac),
        cmocka_unit_test(without_models_that_share_a_key_the_pin_is_enough),
        cmocka_unit_test(challenges_by_their_schemes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
