/* What is planned for a phone, with the list of policy/profiles/snom.cfg. */
#include "policy/harden/plan.h"
#include "tests/unit/harden_fixture.h"

struct planned {
    struct arena arena;
    struct dump dump;
    struct harden_report report;
    struct plan plan;
};

#define FACTORY                                                                                    \
    "http_user!:\nhttp_pass!:\nhttp_scheme!: off\nuse_hidden_tags!: off\nadmin_mode!: on\n"        \
    "admin_mode_password!: 0000\nwebserver_type!: http_https\nkeyboard_lock_pw!:\n"                \
    "enable_keyboard_lock!: on\npnp_config!: on\nsetting_server!: x\n"
#define HARDENED                                                                                   \
    "http_user!: gate\nhttp_pass!: ****\nhttp_scheme!: on\nuse_hidden_tags!: on\n"                 \
    "admin_mode!: off\nadmin_mode_password!: ****\nwebserver_type!: https\n"                       \
    "keyboard_lock_pw!: ****\nenable_keyboard_lock!: on\n"

static const struct harden_facts factory = {
    .plain = HARDEN_PLAIN_ANSWERS, .https = HARDEN_PORT_OPEN, .challenge = HARDEN_CHALLENGE_NONE};
static const struct harden_facts hardened = {
    .plain = HARDEN_PLAIN_REFUSED, .https = HARDEN_PORT_OPEN, .challenge = HARDEN_CHALLENGE_DIGEST};

/* `page` NULL: the settings are not known. False where there is no plan. */
static bool make(struct planned *p, const char *page, struct harden_facts facts,
                 const struct plan_options *options) {
    arena_init(&p->arena, DUMP_ARENA);
    if (page != NULL) {
        assert_int_equal(dump_read(str_of(page), &p->arena, &p->dump), DUMP_OK);
        facts.settings = &p->dump;
    }
    assert_true(harden_judge(snom->harden, snom->harden_count, &facts, &p->arena, &p->report));
    const struct plan_source source = {&p->report, snom->harden, snom->harden_count, &facts};
    return plan_make(&source, options, &p->arena, &p->plan);
}

/* The settings in their order, with '|' where a stage begins. */
static const char *order(const struct planned *p, char *text, size_t room) {
    struct outbuf out;
    outbuf_init(&out, text, room - 1);
    for (size_t i = 0; i < p->plan.count; i++) {
        bool next = i > 0 && p->plan.changes[i].stage != p->plan.changes[i - 1].stage;
        if (i > 0) outbuf_put(&out, next ? STR(" | ") : STR(" "));
        outbuf_put(&out, p->plan.changes[i].setting);
    }
    assert_false(out.full);
    text[out.len] = '\0';
    return text;
}

#define EVERYTHING                                                                                 \
    "http_scheme use_hidden_tags http_user http_pass admin_mode_password | keyboard_lock_pw | "    \
    "webserver_type | admin_mode"

static void a_phone_of_the_factory_is_closed_in_an_order_that_keeps_it_reachable(void **state) {
    (void)state;
    struct planned p;
    char text[1024];
    assert_true(make(&p, FACTORY, factory, &(struct plan_options){0}));
    assert_string_equal(order(&p, text, sizeof(text)), EVERYTHING);
    const struct plan_change *password = plan_find(&p.plan, STR("admin_mode_password"));
    assert_true(password != NULL && password->own && password->secret);
    assert_true(str_equal(password->confirm, STR("admin_mode_password_confirm")));
    assert_true(str_equal(password->seen, STR("factory")));
    const struct plan_change *type = plan_find(&p.plan, STR("webserver_type"));
    assert_true(type != NULL && !type->own && str_equal(type->value, STR("https")));
    assert_int_equal(type->state, HARDEN_FAILS);
    arena_release(&p.arena);
}

static void a_hardened_phone_needs_nothing(void **state) {
    (void)state;
    struct planned p;
    assert_true(make(&p, HARDENED, hardened, &(struct plan_options){0}));
    assert_int_equal(p.plan.count, 0);
    assert_int_equal(p.plan.by_hand_count, 0);
    arena_release(&p.arena);
}

static void what_is_not_known_is_planned(void **state) {
    (void)state;
    struct planned p;
    char text[1024];
    assert_true(make(&p, NULL, factory, &(struct plan_options){0}));
    assert_string_equal(order(&p, text, sizeof(text)),
                        "http_scheme use_hidden_tags http_user http_pass admin_mode_password | "
                        "enable_keyboard_lock keyboard_lock_pw | webserver_type | admin_mode");
    assert_int_equal(plan_find(&p.plan, STR("admin_mode"))->state, HARDEN_UNKNOWN);
    arena_release(&p.arena);
}

static void
beyond_the_guide_is_planned_on_demand_and_left_to_a_person_without_a_value(void **state) {
    (void)state;
    struct planned p;
    assert_true(make(&p, FACTORY, factory, &(struct plan_options){0}));
    assert_null(plan_find(&p.plan, STR("pnp_config")));
    arena_release(&p.arena);
    const struct harden_expect expected = {STR("setting_server"), STR("https://good/")};
    struct harden_facts facts = factory;
    facts.expected = &expected;
    facts.expected_count = 1;
    facts.model = STR("320"); /* whose certificate is everybody's */
    assert_true(
        make(&p, FACTORY "webserver_cert!:\n", facts, &(struct plan_options){.beyond = true}));
    const struct plan_change *pnp = plan_find(&p.plan, STR("pnp_config"));
    assert_true(pnp != NULL && pnp->optional && pnp->stage == PLAN_SETTINGS);
    assert_true(str_equal(pnp->value, STR("off")));
    assert_true(str_equal(plan_find(&p.plan, STR("setting_server"))->value, STR("https://good/")));
    assert_null(plan_find(&p.plan, STR("webserver_cert")));
    assert_int_equal(p.plan.by_hand_count, 1);
    assert_true(str_equal(p.plan.by_hand[0].name, STR("webserver_cert")));
    arena_release(&p.arena);
}

static void what_is_wanted_comes_anew_whatever_holds(void **state) {
    (void)state;
    struct planned p;
    char text[1024];
    const struct plan_want wants[] = {{STR("keyboard_lock_pw"), STR_NONE},
                                      {STR("http_pass"), STR_NONE},
                                      {STR("service_mode_password"), STR_NONE}};
    const struct plan_options options = {wants, ARRAY_LEN(wants), true, false};
    assert_true(make(&p, HARDENED, hardened, &options));
    assert_string_equal(order(&p, text, sizeof(text)),
                        "http_pass service_mode_password | keyboard_lock_pw");
    const struct plan_change *pass = plan_find(&p.plan, STR("http_pass"));
    assert_true(pass->own && pass->secret && !pass->optional);
    assert_int_equal(pass->state, HARDEN_HOLDS);
    arena_release(&p.arena);
}

static void only_what_is_wanted(void **state) {
    (void)state;
    struct planned p;
    const struct plan_want off = {STR("webserver_type"), STR("off")};
    assert_true(make(&p, FACTORY, factory, &(struct plan_options){&off, 1, true, false}));
    assert_int_equal(p.plan.count, 1);
    assert_true(str_equal(p.plan.changes[0].value, STR("off")) && !p.plan.changes[0].own);
    assert_int_equal(p.plan.changes[0].stage, PLAN_RESTART);
    arena_release(&p.arena);
}

static void a_plan_that_is_too_long_is_none(void **state) {
    (void)state;
    struct planned p;
    struct plan_want wants[PLAN_CHANGES_MAX + 1];
    char names[PLAN_CHANGES_MAX + 1][8];
    for (size_t i = 0; i < ARRAY_LEN(wants); i++) {
        (void)snprintf(names[i], sizeof(names[i]), "own%zu", i);
        wants[i] = (struct plan_want){str_of(names[i]), STR_NONE};
    }
    struct plan_options options = {wants, PLAN_CHANGES_MAX, true, false};
    assert_true(make(&p, HARDENED, hardened, &options));
    assert_int_equal(p.plan.count, PLAN_CHANGES_MAX);
    arena_release(&p.arena);
    options.want_count++;
    assert_false(make(&p, HARDENED, hardened, &options));
    assert_int_equal(p.plan.count, 0);
    arena_release(&p.arena);
}

static void stages_have_names(void **state) {
    (void)state;
    assert_string_equal(plan_stage_str(PLAN_ACCESS), "access");
    assert_string_equal(plan_stage_str(PLAN_SETTINGS), "settings");
    assert_string_equal(plan_stage_str(PLAN_RESTART), "restart");
    assert_string_equal(plan_stage_str(PLAN_CLOSING), "closing");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_phone_of_the_factory_is_closed_in_an_order_that_keeps_it_reachable),
        cmocka_unit_test(a_hardened_phone_needs_nothing),
        cmocka_unit_test(what_is_not_known_is_planned),
        cmocka_unit_test(
            beyond_the_guide_is_planned_on_demand_and_left_to_a_person_without_a_value),
        cmocka_unit_test(what_is_wanted_comes_anew_whatever_holds),
        cmocka_unit_test(only_what_is_wanted),
        cmocka_unit_test(a_plan_that_is_too_long_is_none),
        cmocka_unit_test(stages_have_names),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
