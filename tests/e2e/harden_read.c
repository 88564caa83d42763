/* What the gate's readers make of a phone's page, for tests in Python: the page on standard input.
 *
 *   harden_read dump                              one line a setting: name TAB value
 *   harden_read links                             one line a link, resolved from the page "/"
 *   harden_read form  NAME=VALUE... BUTTON        the form that holds the first NAME
 *   harden_read press NAME BUTTON                 the form that holds the submit button NAME
 *
 * The last two print method, target (from the page "/") and body, one a line. Exit status 1 and a
 * reason where the answer is no. */
#include <stdio.h>

#include "policy/harden/dump.h"
#include "policy/harden/form.h"

static struct arena arena;
static char page_text[FORM_PAGE_MAX * 2];

static int no(const char *why) {
    printf("%s\n", why);
    return 1;
}

static int print_dump(struct str page) {
    struct dump dump;
    enum dump_verdict verdict = dump_read(page, &arena, &dump);
    if (verdict != DUMP_OK) return no(dump_verdict_str(verdict));
    for (size_t i = 0; i < dump.count; i++)
        printf("%.*s\t%.*s\n", STR_ARG(dump.entries[i].name), STR_ARG(dump.entries[i].value));
    return 0;
}

static bool print_target(struct str link) {
    char text[FORM_TARGET_MAX + 16];
    struct outbuf out;
    outbuf_init(&out, text, sizeof(text));
    if (!form_target(STR("/"), link, &out)) return false;
    printf("%.*s\n", STR_ARG(outbuf_str(&out)));
    return true;
}

static int print_links(struct str page) {
    struct form_links links;
    enum form_verdict verdict = form_links(page, &arena, &links);
    if (verdict != FORM_OK) return no(form_verdict_str(verdict));
    for (size_t i = 0; i < links.count; i++) (void)print_target(links.items[i]);
    return 0;
}

static int print_form(const struct form *form, const char *button) {
    static char body[65536];
    struct outbuf out;
    const struct form_field *pressed = form_button(form, str_of(button));
    if (pressed == NULL) return no("no such button");
    puts(form->post ? "POST" : "GET");
    if (!print_target(form->action)) return no("elsewhere");
    outbuf_init(&out, body, sizeof(body));
    form_write(form, pressed, &out);
    printf("%.*s\n", STR_ARG(outbuf_str(&out)));
    return out.full;
}

static int set_all(struct str page, int count, char **pairs, const char *button) {
    struct form form;
    struct str first = str_of(pairs[0]);
    first = str_part(first, 0, str_find(first, '=', 0));
    enum form_verdict verdict = form_find(page, first, &arena, &form);
    if (verdict != FORM_OK) return no(form_verdict_str(verdict));
    for (int i = 0; i < count; i++) {
        struct str pair = str_of(pairs[i]);
        size_t equals = str_find(pair, '=', 0);
        if (!form_set(&form, str_part(pair, 0, equals), str_part(pair, equals + 1, pair.len)))
            return no("cannot be set");
    }
    return print_form(&form, button);
}

static int press(struct str page, const char *name, const char *button) {
    struct form form;
    enum form_verdict verdict = form_find_button(page, str_of(name), &arena, &form);
    if (verdict != FORM_OK) return no(form_verdict_str(verdict));
    return print_form(&form, button);
}

int main(int argc, char **argv) {
    struct str page = {page_text, fread(page_text, 1, sizeof(page_text), stdin)};
    struct str what = str_of(argc > 1 ? argv[1] : "");
    int status = 2;
    arena_init(&arena, FORM_ARENA);
    if (str_equal(what, STR("dump"))) status = print_dump(page);
    if (str_equal(what, STR("links"))) status = print_links(page);
    if (str_equal(what, STR("form")) && argc > 3)
        status = set_all(page, argc - 3, argv + 2, argv[argc - 1]);
    if (str_equal(what, STR("press")) && argc == 4) status = press(page, argv[2], argv[3]);
    arena_release(&arena);
    return status;
}
