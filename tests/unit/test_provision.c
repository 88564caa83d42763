#include "policy/harden/provision.h"

#include "policy/harden/dump.h"
#include "tests/unit/access_vectors.h"

static enum provision_verdict write_all(const struct provision_setting *settings, size_t count,
                                        struct str *text) {
    static char memory[4096];
    struct outbuf out;
    size_t bad = 99;
    outbuf_init(&out, memory, sizeof(memory));
    enum provision_verdict verdict = provision_write(settings, count, &out, &bad);
    *text = outbuf_str(&out);
    return verdict;
}

static enum provision_verdict write_one(struct provision_setting one) {
    struct str text;
    return write_all(&one, 1, &text);
}

static void the_file_has_the_documented_layout(void **state) {
    (void)state;
    const struct provision_setting settings[] = {
        {.name = STR("http_user"), .value = STR("gate")},
        {.name = STR("http_pass"), .value = STR("a<b>&\"'c"), .secret = true},
        {.name = STR("admin_mode"), .value = STR("off"), .perm = PROVISION_RW},
        {.name = STR("user_name"), .idx = 2, .value = STR("x"), .perm = PROVISION_USER},
        {.name = STR("auto_reboot_on_setting_change"), .value = STR("on"), .first = true},
    };
    struct str text;
    assert_int_equal(write_all(settings, ARRAY_LEN(settings), &text), PROVISION_OK);
    struct str want =
        STR("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
            "<settings>\n"
            "  <phone-settings e=\"2\">\n"
            "    <auto_reboot_on_setting_change perm=\"R\">on</auto_reboot_on_setting_change>\n"
            "    <http_user perm=\"R\">gate</http_user>\n"
            "    <http_pass perm=\"R\">a&lt;b&gt;&amp;&quot;&#39;c</http_pass>\n"
            "    <admin_mode perm=\"RW\">off</admin_mode>\n"
            "    <user_name idx=\"2\" perm=\"!\">x</user_name>\n"
            "  </phone-settings>\n"
            "</settings>\n");
    if (!str_equal(text, want)) fail_msg("%.*s", STR_ARG(text));
}

/* A reader of the same layout takes it for what was meant. */
static void what_is_written_reads_back(void **state) {
    (void)state;
    const struct provision_setting settings[] = {
        {.name = STR("http_pass"), .value = STR("<&>'\" \xc3\xa4;&amp;"), .secret = true},
        {.name = STR("admin_mode"), .value = STR("off"), .perm = PROVISION_RW},
    };
    struct str text;
    struct arena arena;
    struct dump dump;
    arena_init(&arena, DUMP_ARENA);
    assert_int_equal(write_all(settings, ARRAY_LEN(settings), &text), PROVISION_OK);
    assert_int_equal(dump_read(text, &arena, &dump), DUMP_OK);
    assert_int_equal(dump.count, 2);
    const struct dump_entry *pass = dump_find(&dump, STR("http_pass"));
    assert_non_null(pass);
    assert_true(str_equal(pass->value, settings[0].value));
    assert_int_equal(pass->perm, DUMP_PERM_R);
    assert_int_equal(dump_find(&dump, STR("admin_mode"))->perm, DUMP_PERM_RW);
    arena_release(&arena);
}

static void a_name_is_a_name(void **state) {
    (void)state;
    static const char *const bad[] = {"", "a b", "a>", "a-b", "1a", "\xc3\xa4", "a/"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(write_one((struct provision_setting){.name = str_of(bad[i])}),
                         PROVISION_BAD_NAME);
    assert_int_equal(write_one((struct provision_setting){.name = STR("a_1")}), PROVISION_OK);
}

static void a_value_has_one_reading(void **state) {
    (void)state;
    static const char *const bad[] = {"a\nb", "\t", " a", "a ", "\x7f", "\xff", "\xc3"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(
            write_one((struct provision_setting){.name = STR("a"), .value = str_of(bad[i])}),
            PROVISION_BAD_VALUE);
    assert_int_equal(write_one((struct provision_setting){.name = STR("a"), .value = {"\0", 1}}),
                     PROVISION_BAD_VALUE);
    assert_int_equal(write_one((struct provision_setting){.name = STR("a"), .value = STR("b c")}),
                     PROVISION_OK);
}

static void a_password_is_never_left_to_the_user(void **state) {
    (void)state;
    struct provision_setting one = {
        .name = STR("http_pass"), .value = STR("x"), .secret = true, .perm = PROVISION_USER};
    assert_int_equal(write_one(one), PROVISION_BAD_PERM);
    one.perm = PROVISION_RW;
    assert_int_equal(write_one(one), PROVISION_OK);
}

static void a_setting_stands_there_once(void **state) {
    (void)state;
    struct provision_setting two[] = {{.name = STR("a"), .idx = 1}, {.name = STR("a"), .idx = 2}};
    struct str text;
    assert_int_equal(write_all(two, 2, &text), PROVISION_OK);
    two[1].idx = 1;
    assert_int_equal(write_all(two, 2, &text), PROVISION_REPEATED);
}

static void a_confirmation_confirms(void **state) {
    (void)state;
    struct provision_setting two[] = {
        {.name = STR("admin_mode_password"), .value = STR("x")},
        {.name = STR("admin_mode_password_confirm"), .value = STR("x")},
    };
    struct str text;
    assert_int_equal(write_all(two, 2, &text), PROVISION_OK);
    two[1].value = STR("y");
    assert_int_equal(write_all(two, 2, &text), PROVISION_UNCONFIRMED);
    assert_int_equal(write_one(two[1]), PROVISION_UNCONFIRMED);
}

static void the_refused_setting_is_named_and_a_full_buffer_said(void **state) {
    (void)state;
    const struct provision_setting two[] = {{.name = STR("a")}, {.name = STR("b c")}};
    char memory[100];
    struct outbuf out;
    size_t bad = 99;
    outbuf_init(&out, memory, sizeof(memory));
    assert_int_equal(provision_write(two, 2, &out, &bad), PROVISION_BAD_NAME);
    assert_int_equal(bad, 1);
    outbuf_init(&out, memory, sizeof(memory));
    assert_int_equal(provision_write(two, 1, &out, NULL), PROVISION_FULL);
    for (int i = PROVISION_OK; i <= PROVISION_FULL; i++)
        assert_true(provision_verdict_str((enum provision_verdict)i)[0] != '\0');
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_file_has_the_documented_layout),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(a_name_is_a_name),
        cmocka_unit_test(a_value_has_one_reading),
        cmocka_unit_test(a_password_is_never_left_to_the_user),
        cmocka_unit_test(a_setting_stands_there_once),
        cmocka_unit_test(a_confirmation_confirms),
        cmocka_unit_test(the_refused_setting_is_named_and_a_full_buffer_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
