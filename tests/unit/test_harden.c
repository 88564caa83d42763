/* What no case of tests/vectors/harden.txt shows (test_harden_table.c reads those). */
#include "policy/access/urlpath.h"
#include "tests/unit/harden_fixture.h"

static bool finds_text(const struct harden_report *report, const char *text) {
    for (size_t i = 0; i < report->count; i++) {
        const struct harden_finding *f = &report->findings[i];
        const struct str all[] = {f->name, f->seen, f->wanted, f->why, f->mend};
        for (size_t k = 0; k < ARRAY_LEN(all); k++)
            if (memmem(all[k].ptr, all[k].len, text, strlen(text)) != NULL) return true;
    }
    return false;
}

/* Every setting of the list is given the same telling value. */
static void no_value_of_a_secret_is_in_a_finding(void **state) {
    (void)state;
    static char page[65536];
    size_t len = 0;
    struct arena arena;
    struct dump dump;
    struct harden_report report;
    size_t secrets = 0;
    arena_init(&arena, DUMP_ARENA);
    for (size_t i = 0; i < snom->harden_count; i++) {
        const struct harden_rule *rule = &snom->harden[i];
        secrets += rule->secret;
        if (!rule->secret && rule->check != HARDEN_SET) continue;
        len += (size_t)snprintf(page + len, sizeof(page) - len, "%.*s!: telling%zu\n",
                                STR_ARG(rule->setting), rule->setting.len);
    }
    assert_int_equal(dump_read((struct str){page, len}, &arena, &dump), DUMP_OK);
    struct harden_facts facts = {.settings = &dump, .model = STR("320")};
    assert_true(harden_judge(snom->harden, snom->harden_count, &facts, &arena, &report));
    assert_true(secrets >= 6 && report.count > 12);
    assert_false(finds_text(&report, "telling"));
    arena_release(&arena);
}

static void the_list_names_what_every_secret_is(void **state) {
    (void)state;
    for (size_t i = 0; i < snom->harden_count; i++) {
        const struct harden_rule *rule = &snom->harden[i];
        bool looks = str_ends_with(rule->setting, STR("_pass")) ||
                     str_ends_with(rule->setting, STR("_pw")) ||
                     str_ends_with(rule->setting, STR("password")) ||
                     str_ends_with(rule->setting, STR("secret"));
        assert_true(!looks || rule->secret);
        assert_true(!rule->secret || rule->perm == PROVISION_R);
        assert_true(rule->place.len > 0 || rule->step == HARDEN_BEYOND);
        bool waits = str_equal(rule->setting, STR("webserver_type")) ||
                     str_equal(rule->setting, STR("webserver_cert"));
        assert_int_equal(rule->restart, waits);
        if (str_equal(rule->setting, STR("admin_mode"))) assert_int_equal(rule->perm, PROVISION_RW);
    }
}

static bool has_mend(const struct harden_report *report, const char *mend) {
    for (size_t i = 0; i < report->count; i++)
        if (str_equal(report->findings[i].mend, str_of(mend))) return true;
    return false;
}

static void a_failure_says_how_to_mend_it(void **state) {
    (void)state;
    struct arena arena;
    struct dump dump;
    struct harden_report report;
    struct str page = STR("http_user!:\nwebserver_type!: http\nadmin_mode_password!:\n"
                          "action_setup_url!: x\nuse_hidden_tags!: off\nsetting_server!: x");
    arena_init(&arena, DUMP_ARENA);
    assert_int_equal(dump_read(page, &arena, &dump), DUMP_OK);
    struct harden_facts facts = {.settings = &dump};
    assert_true(harden_judge(snom->harden, snom->harden_count, &facts, &arena, &report));
    assert_true(has_mend(&report, "Give http_user a value of its own (Advanced > QoS/Security > "
                                  "HTTP Server), or provision it."));
    assert_true(has_mend(&report, "Set webserver_type to https or off (Advanced > Network > "
                                  "Webserver connection type), or provision it; then restart the "
                                  "phone."));
    assert_true(has_mend(&report, "Give admin_mode_password a value of its own, and the same in "
                                  "admin_mode_password_confirm (Advanced > QoS/Security > "
                                  "Security), or provision it."));
    assert_true(has_mend(&report, "Empty action_setup_url, or provision it."));
    assert_true(has_mend(&report, "Say in the configuration what this site expects."));
    assert_true(has_mend(&report, "Let the gate read the phone's settings, through its service "
                                  "account."));
    assert_true(str_equal(snom->restart_setting, STR("auto_reboot_on_setting_change")));
    arena_release(&arena);
}

static void firmware_is_compared_by_its_numbers(void **state) {
    (void)state;
    static const struct {
        const char *a, *b;
        bool before, known;
    } rows[] = {
        {"10.1.184.15", "10.1.185.0", true, true},
        {"10.1.185.0", "10.1.185.0", false, true},
        {"10.1.185.1", "10.1.185.0", false, true},
        {"9.99.999.99", "10.1.185.0", true, true},
        {"8.7.5", "8.7.5.15", true, true},
        {"snom760-SIP 8.7.5.35", "8.7.5.15", false, true},
        {"snomD785-10.1.64.14", "10.1.64.15", true, true},
        {"", "10.1.185.0", false, false},
        {"10", "10.1.185.0", false, false},
        {"10.1.185.0.7", "10.1.185.1", false, false},
        {"10.1.x.0", "10.1.185.0", false, false},
        {"10..185.0", "10.1.185.0", false, false},
        {"10.1.185.99999999999999999999", "10.1.185.0", false, false},
        {"10.1.184.1", "", false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool known = !rows[i].known;
        bool before = harden_firmware_before(str_of(rows[i].a), str_of(rows[i].b), &known);
        if (before != rows[i].before || known != rows[i].known)
            fail_msg("%s before %s: %d %d", rows[i].a, rows[i].b, before, known);
    }
}

static void an_empty_list_holds_nothing(void **state) {
    (void)state;
    struct harden_facts facts = {.tls = HARDEN_TLS_1_3};
    struct harden_report report;
    struct arena arena;
    arena_init(&arena, 65536);
    assert_true(harden_judge(NULL, 0, &facts, &arena, &report));
    for (unsigned step = 1; step <= HARDEN_STEP_MAX; step++)
        assert_int_equal(report.steps[step], HARDEN_UNKNOWN);
    arena_release(&arena);
}

/* What harden_value gives, set on a phone, is what the same rule then finds good. */
static void the_value_of_a_rule_makes_it_hold(void **state) {
    (void)state;
    static char page[16384];
    size_t len = 0, given = 0;
    const struct harden_expect expected[] = {
        {STR("setting_server"), STR("https://p.example.com/")}};
    for (int off = 0; off < 2; off++) {
        struct harden_facts facts = {
            .expected = expected, .expected_count = 1, .wui_off_wanted = off == 1};
        struct harden_report report;
        struct arena arena;
        struct dump dump;
        len = given = 0;
        for (size_t i = 0; i < snom->harden_count; i++) {
            char value[64];
            struct outbuf out;
            outbuf_init(&out, value, sizeof(value));
            bool known = harden_value(&snom->harden[i], &facts, &out);
            assert_true(!known || snom->harden[i].check != HARDEN_SET);
            if (!known || str_find(snom->harden[i].setting, '*', 0) < snom->harden[i].setting.len)
                continue;
            given++;
            len += (size_t)snprintf(page + len, sizeof(page) - len, "%.*s&: %.*s\n",
                                    STR_ARG(snom->harden[i].setting), STR_ARG(outbuf_str(&out)));
        }
        arena_init(&arena, DUMP_ARENA);
        assert_int_equal(dump_read((struct str){page, len}, &arena, &dump), DUMP_OK);
        facts.settings = &dump;
        assert_true(harden_judge(snom->harden, snom->harden_count, &facts, &arena, &report));
        for (size_t i = 0; i < report.count; i++)
            assert_int_not_equal(report.findings[i].state, HARDEN_FAILS);
        assert_int_equal(report.steps[2], HARDEN_UNKNOWN); /* its password is not known here */
        assert_true(given > 20);
        arena_release(&arena);
    }
}

static void without_memory_nothing_is_said(void **state) {
    (void)state;
    struct harden_facts facts = {.tls = HARDEN_TLS_1_3};
    struct harden_report report;
    for (size_t cap = 64; cap < 32768; cap *= 2) {
        struct arena arena;
        arena_init(&arena, cap);
        if (!harden_judge(snom->harden, snom->harden_count, &facts, &arena, &report))
            assert_int_equal(report.count, 0);
        arena_release(&arena);
    }
    assert_true(report.count > 0); /* the last one sufficed */
}

/* A phone with more action URLs than findings are wanted. */
static void one_rule_gives_so_many_findings(void **state) {
    (void)state;
    static char page[16384];
    size_t len = 0, found = 0;
    struct arena arena;
    struct dump dump;
    struct harden_report report;
    for (int i = 0; i < 100; i++)
        len += (size_t)snprintf(page + len, sizeof(page) - len, "action_%d_url!: x\n", i);
    arena_init(&arena, DUMP_ARENA);
    assert_int_equal(dump_read((struct str){page, len}, &arena, &dump), DUMP_OK);
    struct harden_facts facts = {.settings = &dump};
    assert_true(harden_judge(snom->harden, snom->harden_count, &facts, &arena, &report));
    for (size_t i = 0; i < report.count; i++)
        found += urlpath_matches(STR("action_*_url"), report.findings[i].name, false);
    assert_int_equal(found, HARDEN_EACH_MAX);
    assert_int_equal(report.steps[HARDEN_BEYOND], HARDEN_FAILS);
    arena_release(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_value_of_a_secret_is_in_a_finding),
        cmocka_unit_test(the_list_names_what_every_secret_is),
        cmocka_unit_test(a_failure_says_how_to_mend_it),
        cmocka_unit_test(firmware_is_compared_by_its_numbers),
        cmocka_unit_test(an_empty_list_holds_nothing),
        cmocka_unit_test(the_value_of_a_rule_makes_it_hold),
        cmocka_unit_test(without_memory_nothing_is_said),
        cmocka_unit_test(one_rule_gives_so_many_findings),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
