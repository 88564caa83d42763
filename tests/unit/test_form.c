#include "policy/harden/form.h"

#include "tests/unit/access_vectors.h"

/* Find, set, press, write: what the last column of form.txt says. */
static void run_row(const struct vectors *v, struct arena *arena, struct outbuf *out) {
    struct str page = v->column[1], field = v->column[2], value = v->column[3];
    struct form form;
    enum form_verdict verdict = form_find(page, field, arena, &form);
    if (verdict != FORM_OK) {
        outbuf_put(out, str_of(form_verdict_str(verdict)));
        return;
    }
    const struct form_field *button = NULL;
    if (v->column[4].len > 0) {
        button = form_button(&form, v->column[4]);
        if (button == NULL) {
            outbuf_put(out, STR("no"));
            return;
        }
    }
    if (!form_set(&form, field, value)) {
        outbuf_put(out, STR("no"));
        return;
    }
    outbuf_put(out, form.post ? STR("POST ") : STR("GET "));
    outbuf_put(out, form.action.len > 0 ? form.action : STR("-"));
    outbuf_char(out, ' ');
    form_write(&form, button, out);
    assert_false(out->full);
}

static void forms_are_sent_back_as_the_table_says(void **state) {
    (void)state;
    struct vectors v;
    struct arena arena;
    size_t rows = 0;
    arena_init(&arena, FORM_ARENA);
    vectors_open(&v, "form.txt");
    for (; vectors_next(&v); rows++) {
        char text[4096];
        struct outbuf out;
        if (v.count != 6) fail_msg("%s:%u: %zu columns", v.name, v.line, v.count);
        outbuf_init(&out, text, sizeof(text));
        run_row(&v, &arena, &out);
        vectors_expect(&v, outbuf_str(&out), v.column[5]);
        arena_reset(&arena);
    }
    assert_true(rows > 70);
    arena_release(&arena);
}

static void a_value_that_cannot_be_set_changes_nothing(void **state) {
    (void)state;
    struct arena arena;
    struct form form;
    struct str page = STR("<form method=post><input type=radio name=x value=1 checked>"
                          "<input type=radio name=x value=2></form>");
    arena_init(&arena, FORM_ARENA);
    assert_int_equal(form_find(page, STR("x"), &arena, &form), FORM_OK);
    assert_true(str_equal(form_value(&form, STR("x")), STR("1")));
    assert_false(form_set(&form, STR("x"), STR("3")));
    assert_true(str_equal(form_value(&form, STR("x")), STR("1")));
    assert_false(form_set(&form, STR("y"), STR("3")));
    assert_null(form_value(&form, STR("y")).ptr);
    assert_true(form_set(&form, STR("x"), STR("2")));
    assert_true(str_equal(form_value(&form, STR("x")), STR("2")));
    arena_release(&arena);
}

/* The form that restarts a phone has a tag and a button, and stands beside the one with settings.
 */
static void a_form_is_found_by_its_button(void **state) {
    (void)state;
    struct arena arena;
    struct form form;
    struct str page =
        STR("<form method=post action=a><input type=hidden name=t value=1><input name=x>"
            "<input type=submit name=Settings value=Apply>"
            "<input type=submit name=Settings value=Save></form>"
            "<form method=post action=b><input type=hidden name=t value=2>"
            "<input type=submit name=CONFIRM_REBOOT value=Reboot></form>");
    char text[128];
    struct outbuf out;
    arena_init(&arena, FORM_ARENA);
    assert_int_equal(form_find_button(page, STR("CONFIRM_REBOOT"), &arena, &form), FORM_OK);
    outbuf_init(&out, text, sizeof(text));
    form_write(&form, form_button(&form, STR("Reboot")), &out);
    assert_true(str_equal(form.action, STR("b")));
    assert_true(str_equal(outbuf_str(&out), STR("t=2&CONFIRM_REBOOT=Reboot")));
    assert_int_equal(form_find_button(page, STR("Settings"), &arena, &form), FORM_OK);
    assert_int_equal(form_find_button(page, STR("x"), &arena, &form), FORM_NOT_FOUND);
    assert_int_equal(form_find(page, STR("CONFIRM_REBOOT"), &arena, &form), FORM_NOT_FOUND);
    page = STR("<form><input type=submit name=a></form><form><input type=submit name=a></form>");
    assert_int_equal(form_find_button(page, STR("a"), &arena, &form), FORM_AMBIGUOUS);
    arena_release(&arena);
}

static void links_lead_where_the_table_says(void **state) {
    (void)state;
    struct vectors v;
    size_t rows = 0;
    vectors_open(&v, "form_targets.txt");
    for (; vectors_next(&v); rows++) {
        char text[FORM_TARGET_MAX + 16];
        struct outbuf out;
        if (v.count != 4) fail_msg("%s:%u: %zu columns", v.name, v.line, v.count);
        outbuf_init(&out, text, sizeof(text));
        bool good = form_target(v.column[1], v.column[2], &out);
        vectors_expect(&v, good ? outbuf_str(&out) : STR("no"), v.column[3]);
    }
    assert_true(rows > 20);
}

static void every_link_of_a_page_is_found(void **state) {
    (void)state;
    struct arena arena;
    struct form_links links;
    struct str page = STR("<a href=\"a.htm?b&amp;c\">x</a><A HREF=b.htm>y</A><a name=top></a>"
                          "<frameset><frame src=c.htm></frameset><iframe src='d.htm'></iframe>"
                          "<map><area href=e.htm></map><!-- <a href=no> --><link href=no>");
    static const char *const want[] = {"a.htm?b&c", "b.htm", "c.htm", "d.htm", "e.htm"};
    arena_init(&arena, FORM_ARENA);
    assert_int_equal(form_links(page, &arena, &links), FORM_OK);
    assert_int_equal(links.count, ARRAY_LEN(want));
    for (size_t i = 0; i < links.count; i++)
        assert_true(str_equal(links.items[i], str_of(want[i])));
    assert_int_equal(form_links(STR("<a href=\"x"), &arena, &links), FORM_MALFORMED);
    arena_release(&arena);
}

/* `count` times `text` between two others. */
static struct str repeated(const char *head, const char *text, size_t count, const char *tail) {
    static char page[FORM_PAGE_MAX + 64];
    size_t len = (size_t)snprintf(page, sizeof(page), "%s", head);
    for (size_t i = 0; i < count; i++)
        len += (size_t)snprintf(page + len, sizeof(page) - len, "%s", text);
    len += (size_t)snprintf(page + len, sizeof(page) - len, "%s", tail);
    return (struct str){page, len};
}

static void limits_hold(void **state) {
    (void)state;
    struct arena arena;
    struct form form;
    struct form_links links;
    const char *head = "<form method=post><input name=x>", *field = "<input name=y>";
    arena_init(&arena, FORM_ARENA);
    struct str page = repeated(head, field, FORM_FIELDS_MAX - 1, "</form>");
    assert_int_equal(form_find(page, STR("x"), &arena, &form), FORM_OK);
    assert_int_equal(form.count, FORM_FIELDS_MAX);
    arena_reset(&arena);
    page = repeated(head, field, FORM_FIELDS_MAX, "</form>");
    assert_int_equal(form_find(page, STR("x"), &arena, &form), FORM_TOO_BIG);
    arena_reset(&arena);
    page = repeated("", "<a href=a>", FORM_LINKS_MAX, "");
    assert_int_equal(form_links(page, &arena, &links), FORM_OK);
    arena_reset(&arena);
    page = repeated("", "<a href=a>", FORM_LINKS_MAX + 1, "");
    assert_int_equal(form_links(page, &arena, &links), FORM_TOO_BIG);
    arena_reset(&arena);
    page = repeated("<form><input name=x></form>", "x", FORM_PAGE_MAX - 27, "");
    assert_int_equal(page.len, FORM_PAGE_MAX);
    assert_int_equal(form_find(page, STR("x"), &arena, &form), FORM_OK);
    page = repeated("<form><input name=x></form>", "x", FORM_PAGE_MAX - 26, "");
    assert_int_equal(form_find(page, STR("x"), &arena, &form), FORM_TOO_BIG);
    arena_reset(&arena);
    page = repeated("<form><input name=x ", "a%zu ", 0, "></form>");
    assert_int_equal(form_find(page, STR("x"), &arena, &form), FORM_OK);
    arena_release(&arena);
}

static void without_memory_there_is_no_form(void **state) {
    (void)state;
    struct arena arena;
    struct form form;
    struct form_links links;
    arena_init(&arena, 64);
    assert_int_equal(form_find(STR("<form><input name=x></form>"), STR("x"), &arena, &form),
                     FORM_NO_MEMORY);
    assert_int_equal(form_links(STR("<a href=x>"), &arena, &links), FORM_NO_MEMORY);
    arena_release(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_are_sent_back_as_the_table_says),
        cmocka_unit_test(a_value_that_cannot_be_set_changes_nothing),
        cmocka_unit_test(a_form_is_found_by_its_button),
        cmocka_unit_test(links_lead_where_the_table_says),
        cmocka_unit_test(every_link_of_a_page_is_found),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(without_memory_there_is_no_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
