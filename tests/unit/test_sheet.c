/* policy/harden/sheet.h, with the Snom profile's own list. */
#include "policy/harden/sheet.h"
#include "tests/unit/harden_fixture.h"

static char text[SHEET_MAX];

struct made {
    enum sheet_verdict verdict;
    struct sheet sheet;
    struct outbuf out;
    struct arena arena;
};

#define TEXT(lit)                                                                                  \
    { (lit), sizeof(lit) - 1 }

static struct sheet_value own[] = {
    {TEXT("http_user"), TEXT("gate"), false},
    {TEXT("http_pass"), TEXT("Aa3-web-password"), true},
    {TEXT("admin_mode_password"), TEXT("Bb4-admin-passwd"), true},
    {TEXT("keyboard_lock_pw"), TEXT("481516"), true},
    {TEXT("service_mode_login"), TEXT("service"), false},
    {TEXT("service_mode_password"), TEXT("Cc5-service-pass"), true},
};

/* `facts` NULL: nothing is known of the phone. The caller gives the arena back. */
static struct made make(const struct harden_facts *facts, bool beyond, size_t own_count) {
    static const struct harden_facts none;
    struct made m = {0};
    struct sheet_wanted wanted = {.rules = snom->harden,
                                  .rule_count = snom->harden_count,
                                  .restart_setting = snom->restart_setting,
                                  .facts = facts != NULL ? facts : &none,
                                  .beyond = beyond,
                                  .own = own,
                                  .own_count = own_count};
    outbuf_init(&m.out, text, sizeof(text));
    arena_init(&m.arena, SHEET_ARENA);
    m.verdict = sheet_make(&wanted, &m.arena, &m.out, &m.sheet);
    return m;
}

static void the_file_as_a_phone_gets_it(void **state) {
    (void)state;
    struct made m = make(NULL, false, ARRAY_LEN(own));
    assert_int_equal(m.verdict, SHEET_OK);
    text[m.out.len] = '\0';
    assert_string_equal(
        text, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<settings>\n"
              "  <phone-settings e=\"2\">\n"
              "    <auto_reboot_on_setting_change perm=\"R\">on</auto_reboot_on_setting_change>\n"
              "    <http_user perm=\"R\">gate</http_user>\n"
              "    <http_pass perm=\"R\">Aa3-web-password</http_pass>\n"
              "    <http_scheme perm=\"R\">on</http_scheme>\n"
              "    <use_hidden_tags perm=\"R\">on</use_hidden_tags>\n"
              "    <admin_mode_password perm=\"R\">Bb4-admin-passwd</admin_mode_password>\n"
              "    <admin_mode_password_confirm perm=\"R\">Bb4-admin-passwd"
              "</admin_mode_password_confirm>\n"
              "    <admin_mode perm=\"RW\">off</admin_mode>\n"
              "    <webserver_type perm=\"R\">https</webserver_type>\n"
              "    <keyboard_lock_pw perm=\"R\">481516</keyboard_lock_pw>\n"
              "    <enable_keyboard_lock perm=\"R\">on</enable_keyboard_lock>\n"
              "    <service_mode_login perm=\"R\">service</service_mode_login>\n"
              "    <service_mode_password perm=\"R\">Cc5-service-pass</service_mode_password>\n"
              "  </phone-settings>\n</settings>\n");
    arena_release(&m.arena);
}

static void a_web_interface_that_nobody_wants_is_off(void **state) {
    (void)state;
    struct harden_facts facts = {.wui_off_wanted = true};
    struct made m = make(&facts, false, 4);
    assert_int_equal(m.verdict, SHEET_OK);
    text[m.out.len] = '\0';
    assert_non_null(strstr(text, "<webserver_type perm=\"R\">off</webserver_type>"));
    arena_release(&m.arena);
}

static void beyond_the_guide_only_what_has_a_value(void **state) {
    (void)state;
    const struct harden_expect expected = {STR("setting_server"),
                                           STR("https://gate.example.com:8444/{mac}.xml")};
    struct harden_facts facts = {.model = STR("D785"), .expected = &expected, .expected_count = 1};
    struct made m = make(&facts, true, 4);
    assert_int_equal(m.verdict, SHEET_OK);
    text[m.out.len] = '\0';
    assert_non_null(strstr(text, "<allow_sip_settings perm=\"R\">off</allow_sip_settings>"));
    assert_non_null(strstr(text, "<setting_server perm=\"R\">https://gate.example.com:8444/{mac}"));
    assert_null(strstr(text, "webserver_cert"));   /* not this model's, and nobody has one */
    assert_null(strstr(text, "update_policy"));    /* nobody said what is expected */
    assert_null(strstr(text, "action_"));          /* a pattern is no setting */
    assert_null(strstr(text, "mb_trusted_hosts")); /* the site's own, and not of the guide */
    arena_release(&m.arena);
}

/* A value that makes the file useless, and what is said. */
static void refused(size_t index, struct str value, enum sheet_verdict verdict, const char *about) {
    struct str good = own[index].value;
    own[index].value = value;
    struct made m = make(NULL, false, 4);
    own[index].value = good;
    assert_int_equal(m.verdict, verdict);
    assert_true(str_equal(m.sheet.about, str_of(about)));
    arena_release(&m.arena);
}

static void a_file_that_does_not_harden_is_no_file(void **state) {
    (void)state;
    refused(0, STR(""), SHEET_MISSING, "http_user");
    refused(1, STR(""), SHEET_MISSING, "http_pass");
    refused(2, STR("0000"), SHEET_FALLS_SHORT, "admin_mode_password"); /* the factory's */
    refused(2, own[1].value, SHEET_FALLS_SHORT,
            "admin_mode_password"); /* a web user could open all */
    refused(1, STR("two\nlines"), SHEET_NOT_TAKEN, "http_pass");
    refused(1, STR(" blank"), SHEET_NOT_TAKEN, "http_pass");
    refused(1, STR("\xff"), SHEET_NOT_TAKEN, "http_pass");
    struct made m = make(NULL, false, 3);
    assert_int_equal(m.verdict, SHEET_MISSING);
    assert_true(str_equal(m.sheet.about, STR("keyboard_lock_pw")));
    arena_release(&m.arena);
}

static enum sheet_verdict check(const char *file, const struct harden_facts *facts,
                                const char *about) {
    struct sheet_wanted wanted = {
        .rules = snom->harden, .rule_count = snom->harden_count, .facts = facts};
    struct arena arena;
    struct str said;
    arena_init(&arena, SHEET_ARENA);
    enum sheet_verdict verdict = sheet_check(&wanted, str_of(file), &arena, &said);
    assert_true(str_equal(said, str_of(about)));
    arena_release(&arena);
    return verdict;
}

/* One value of the file is another. */
static void replace(char *file, size_t size, const char *old, const char *new) {
    char rest[SHEET_MAX];
    char *at = strstr(file, old);
    assert_non_null(at);
    (void)snprintf(rest, sizeof(rest), "%s", at + strlen(old));
    (void)snprintf(at, size - (size_t)(at - file), "%s%s", new, rest);
}

static void a_file_is_believed_as_far_as_it_goes(void **state) {
    (void)state;
    static const struct harden_facts any, off = {.wui_off_wanted = true};
    static char file[SHEET_MAX];
    struct made m = make(&off, false, ARRAY_LEN(own));
    text[m.out.len] = '\0';
    memcpy(file, text, m.out.len + 1);
    arena_release(&m.arena);
    assert_int_equal(check(file, &off, ""), SHEET_OK);
    assert_int_equal(check(file, &any, ""), SHEET_OK); /* off is https only, and more */
    replace(file, sizeof(file), ">off</admin_mode>", ">on</admin_mode>");
    assert_int_equal(check(file, &off, "admin_mode"), SHEET_FALLS_SHORT);
    replace(file, sizeof(file), ">on</admin_mode>", ">off</admin_mode>");
    replace(file, sizeof(file), ">off</webserver_type>", ">https</webserver_type>");
    assert_int_equal(check(file, &off, "webserver_type"), SHEET_FALLS_SHORT);
    assert_int_equal(check(file, &any, ""), SHEET_OK);
    replace(file, sizeof(file), "</settings>", "");
    assert_int_equal(check(file, &any, ""), SHEET_NOT_READ);
    assert_int_equal(check("", &any, ""), SHEET_NOT_READ);
    assert_int_equal(check("<html>no such file</html>", &any, ""), SHEET_NOT_READ);
}

static void every_octet_of_a_password_reads_back(void **state) {
    (void)state;
    char value[] = "0123456789abc<>&\"'";
    struct str good = own[1].value;
    own[1].value = str_of(value);
    for (int c = 0x21; c < 0x7f; c++) {
        value[5] = (char)c;
        struct made m = make(NULL, false, 4);
        assert_int_equal(m.verdict, SHEET_OK);
        arena_release(&m.arena);
    }
    own[1].value = good;
}

static void a_profile_without_a_list_and_too_little_memory(void **state) {
    (void)state;
    static const struct harden_facts none;
    struct sheet_wanted wanted = {.facts = &none};
    struct arena arena;
    struct outbuf out;
    struct sheet sheet;
    arena_init(&arena, SHEET_ARENA);
    outbuf_init(&out, text, sizeof(text));
    assert_int_equal(sheet_make(&wanted, &arena, &out, &sheet), SHEET_NO_RULES);
    assert_int_equal(sheet_check(&wanted, STR("<settings/>"), &arena, &sheet.about),
                     SHEET_NO_RULES);
    wanted = (struct sheet_wanted){.facts = &none,
                                   .rules = snom->harden,
                                   .rule_count = snom->harden_count,
                                   .own = own,
                                   .own_count = 4};
    outbuf_init(&out, text, 300);
    assert_int_equal(sheet_make(&wanted, &arena, &out, &sheet), SHEET_NO_MEMORY);
    arena_release(&arena);
    for (size_t cap = 0; cap < 200000; cap += 997) {
        arena_init(&arena, cap);
        outbuf_init(&out, text, sizeof(text));
        enum sheet_verdict verdict = sheet_make(&wanted, &arena, &out, &sheet);
        assert_true(verdict == SHEET_OK || verdict == SHEET_NO_MEMORY || verdict == SHEET_NOT_READ);
        arena_release(&arena);
    }
    static const char *const names[] = {"ok",
                                        "no_rules",
                                        "value_missing",
                                        "value_not_taken",
                                        "not_read_back",
                                        "step_falls_short",
                                        "no_memory"};
    for (int v = SHEET_OK; v <= SHEET_NO_MEMORY; v++)
        assert_string_equal(sheet_verdict_str((enum sheet_verdict)v), names[v]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_file_as_a_phone_gets_it),
        cmocka_unit_test(a_web_interface_that_nobody_wants_is_off),
        cmocka_unit_test(beyond_the_guide_only_what_has_a_value),
        cmocka_unit_test(a_file_that_does_not_harden_is_no_file),
        cmocka_unit_test(a_file_is_believed_as_far_as_it_goes),
        cmocka_unit_test(every_octet_of_a_password_reads_back),
        cmocka_unit_test(a_profile_without_a_list_and_too_little_memory),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
