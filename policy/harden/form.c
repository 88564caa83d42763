#include "policy/harden/form.h"

#include "policy/harden/html.h"

static const char *const names[] = {
    [FORM_OK] = "ok",
    [FORM_NOT_FOUND] = "form_not_found",
    [FORM_AMBIGUOUS] = "form_ambiguous",
    [FORM_UNSUPPORTED] = "form_unsupported",
    [FORM_MALFORMED] = "form_malformed",
    [FORM_TOO_BIG] = "form_too_big",
    [FORM_NO_MEMORY] = "no_memory",
};

const char *form_verdict_str(enum form_verdict verdict) {
    return names[verdict];
}

/* A page that is being read. */
struct reading {
    struct html html;
    struct arena *arena;
    struct str wanted;
    bool button_wanted; /* `wanted` names a submit button, not a control */
    struct form now;    /* the form we are in */
    bool in_form;
    bool unsupported; /* the form we are in cannot be sent as a plain one */
    struct form found;
    bool has_found;
    struct select {
        bool open, multiple, fixed, text_wanted; /* text_wanted: the option's text is its value */
        struct str name;
        size_t first; /* index of its first option */
        uint16_t group;
    } select;
};

static struct str value_of(const struct html_tag *tag, const char *attr) {
    const struct html_attr *found = html_attr(tag, attr);
    return found == NULL ? STR("") : found->value;
}

static bool has(const struct html_tag *tag, const char *attr) {
    return html_attr(tag, attr) != NULL;
}

/* An odd maxlength lets nothing in: nobody knows what the phone makes of a value. */
static size_t longest_of(const struct html_tag *tag) {
    uint64_t longest;
    if (!has(tag, "maxlength")) return SIZE_MAX;
    return str_to_u64(value_of(tag, "maxlength"), UINT32_MAX, &longest) ? (size_t)longest : 0;
}

static bool is_control(enum form_kind kind) {
    return kind != FORM_HIDDEN && kind != FORM_SUBMIT && kind != FORM_OTHER;
}

static enum form_verdict add(struct reading *r, const struct form_field *field) {
    if (r->now.count == FORM_FIELDS_MAX) return FORM_TOO_BIG;
    /* A browser fills this one in itself. */
    if (str_equal_icase(field->name, STR("_charset_"))) r->unsupported = true;
    r->now.fields[r->now.count++] = *field;
    return FORM_OK;
}

/* Does the form we are in hold the field, and is there one control for it only? */
static enum form_verdict judge(const struct reading *r) {
    const struct form_field *first = NULL;
    for (size_t i = 0; i < r->now.count; i++) {
        const struct form_field *field = &r->now.fields[i];
        bool holder = r->button_wanted ? field->kind == FORM_SUBMIT : is_control(field->kind);
        if (!holder || !str_equal(field->name, r->wanted)) continue;
        if (first == NULL) {
            first = field;
            continue;
        }
        if (r->button_wanted) continue; /* "Apply" and "Save" often have one name */
        bool one_of_several = field->kind == FORM_RADIO || field->kind == FORM_CHECKBOX ||
                              (field->kind == FORM_OPTION && field->group == first->group);
        if (field->kind != first->kind || !one_of_several) return FORM_AMBIGUOUS;
    }
    return first == NULL ? FORM_NOT_FOUND : FORM_OK;
}

static enum form_verdict close_form(struct reading *r) {
    if (r->select.open) return FORM_MALFORMED;
    r->in_form = false;
    enum form_verdict verdict = judge(r);
    if (verdict == FORM_NOT_FOUND) return FORM_OK;
    if (verdict != FORM_OK) return verdict;
    if (r->unsupported) return FORM_UNSUPPORTED;
    if (r->has_found) return FORM_AMBIGUOUS;
    r->found = r->now;
    r->has_found = true;
    return FORM_OK;
}

static enum form_verdict open_form(struct reading *r, const struct html_tag *tag) {
    if (r->in_form) return FORM_MALFORMED;
    struct str method = value_of(tag, "method"), enctype = value_of(tag, "enctype");
    bool post = str_equal_icase(method, STR("post"));
    bool get = method.len == 0 || str_equal_icase(method, STR("get"));
    struct form_field *fields = r->now.fields;
    if (fields == NULL || fields == r->found.fields)
        fields = arena_alloc(r->arena, FORM_FIELDS_MAX * sizeof(*fields));
    if (fields == NULL) return FORM_NO_MEMORY;
    r->now = (struct form){.action = value_of(tag, "action"), .post = post, .fields = fields};
    r->in_form = true;
    r->unsupported =
        (!post && !get) || has(tag, "accept-charset") ||
        (enctype.len > 0 && !str_equal_icase(enctype, STR("application/x-www-form-urlencoded")));
    return FORM_OK;
}

static enum form_kind kind_of(struct str type, bool *unsupported) {
    static const struct {
        const char *type;
        enum form_kind kind;
    } kinds[] = {{"hidden", FORM_HIDDEN}, {"checkbox", FORM_CHECKBOX}, {"radio", FORM_RADIO},
                 {"submit", FORM_SUBMIT}, {"reset", FORM_OTHER},       {"button", FORM_OTHER}};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (str_equal_icase(type, str_of(kinds[i].type))) return kinds[i].kind;
    }
    if (str_equal_icase(type, STR("file")) || str_equal_icase(type, STR("image")))
        *unsupported = true;
    return FORM_TEXT;
}

static enum form_verdict add_input(struct reading *r, const struct html_tag *tag) {
    enum form_kind kind = kind_of(value_of(tag, "type"), &r->unsupported);
    bool ticked = kind == FORM_CHECKBOX || kind == FORM_RADIO;
    bool pressed = kind == FORM_SUBMIT || kind == FORM_OTHER;
    struct form_field field = {
        .name = value_of(tag, "name"),
        .value = ticked && !has(tag, "value") ? STR("on") : value_of(tag, "value"),
        .kind = kind,
        .on = !has(tag, "disabled") && !pressed && (!ticked || has(tag, "checked")),
        .fixed = has(tag, "disabled") || has(tag, "readonly"),
        .password = str_equal_icase(value_of(tag, "type"), STR("password")),
        .longest = longest_of(tag),
    };
    return add(r, &field);
}

static enum form_verdict add_button(struct reading *r, const struct html_tag *tag) {
    struct str type = value_of(tag, "type");
    bool submit = type.len == 0 || str_equal_icase(type, STR("submit"));
    struct form_field field = {
        .name = value_of(tag, "name"),
        .value = value_of(tag, "value"),
        .kind = submit ? FORM_SUBMIT : FORM_OTHER,
        .fixed = has(tag, "disabled"),
    };
    return add(r, &field);
}

static enum form_verdict from_markup(enum markup_verdict verdict) {
    switch (verdict) {
    case MARKUP_OK:
        return FORM_OK;
    case MARKUP_NO_MEMORY:
        return FORM_NO_MEMORY;
    case MARKUP_MALFORMED:
        break;
    }
    return FORM_MALFORMED;
}

static enum form_verdict add_textarea(struct reading *r, const struct html_tag *tag) {
    struct str raw = tag->inner;
    if (str_starts_with(raw, STR("\r\n")))
        raw = str_part(raw, 2, raw.len);
    else if (str_starts_with(raw, STR("\n")))
        raw = str_part(raw, 1, raw.len); /* the first line end is no part of the value */
    struct form_field field = {.name = value_of(tag, "name"),
                               .kind = FORM_TEXTAREA,
                               .on = !has(tag, "disabled"),
                               .fixed = has(tag, "disabled") || has(tag, "readonly"),
                               .longest = longest_of(tag)};
    enum form_verdict verdict =
        from_markup(markup_decode(raw, MARKUP_HTML, r->arena, &field.value));
    return verdict == FORM_OK ? add(r, &field) : verdict;
}

static enum form_verdict open_select(struct reading *r, const struct html_tag *tag) {
    if (r->select.open) return FORM_MALFORMED;
    struct select *s = &r->select;
    *s = (struct select){.open = true,
                         .multiple = has(tag, "multiple") || has(tag, "size"),
                         .fixed = has(tag, "disabled"),
                         .name = value_of(tag, "name"),
                         .first = r->now.count,
                         .group = (uint16_t)(s->group + 1)};
    return FORM_OK;
}

static enum form_verdict add_option(struct reading *r, const struct html_tag *tag) {
    struct select *s = &r->select;
    if (!s->open) return FORM_OK; /* of a datalist */
    struct form_field field = {.name = s->name,
                               .value = value_of(tag, "value"),
                               .kind = FORM_OPTION,
                               .on = has(tag, "selected") && !s->fixed && !has(tag, "disabled"),
                               .fixed = s->fixed || has(tag, "disabled"),
                               .group = s->group};
    s->text_wanted = !has(tag, "value");
    return add(r, &field);
}

/* The text behind an <option> without a value is its value, runs of blanks as one. */
static enum form_verdict take_option_text(struct reading *r, struct str raw) {
    struct str text;
    r->select.text_wanted = false;
    if (str_find(raw, '<', 0) < raw.len) return FORM_MALFORMED;
    enum form_verdict verdict = from_markup(markup_decode(raw, MARKUP_HTML, r->arena, &text));
    if (verdict != FORM_OK) return verdict;
    char *memory = arena_alloc(r->arena, text.len + 1);
    if (memory == NULL) return FORM_NO_MEMORY;
    struct outbuf out;
    outbuf_init(&out, memory, text.len + 1);
    for (size_t i = 0; i < text.len; i++) {
        bool space = markup_is_space(text.ptr[i]);
        if (space && (out.len == 0 || out.ptr[out.len - 1] == ' ')) continue;
        outbuf_char(&out, space ? ' ' : text.ptr[i]);
    }
    r->now.fields[r->now.count - 1].value = str_trim(outbuf_str(&out));
    return FORM_OK;
}

/* A list shows its first option where none is chosen, and the last where several are. */
static void close_select(struct reading *r) {
    struct select *s = &r->select;
    struct form_field *shown = NULL, *usable = NULL;
    s->open = false;
    if (s->multiple) return;
    for (size_t i = s->first; i < r->now.count; i++) {
        struct form_field *field = &r->now.fields[i];
        if (usable == NULL && !field->fixed) usable = field;
        if (!field->on) continue;
        if (shown != NULL) shown->on = false;
        shown = field;
    }
    if (shown == NULL && usable != NULL) usable->on = true;
}

static enum form_verdict take_closing(struct reading *r, const struct html_tag *tag) {
    if (html_tag_is(tag, "select") && r->select.open) close_select(r);
    if (html_tag_is(tag, "form") && r->in_form) return close_form(r);
    return FORM_OK;
}

/* Attributes that tie a control to another form or change how its form is sent, and groups that
 * switch controls off. */
static bool is_beyond_us(const struct html_tag *tag) {
    bool control = html_tag_is(tag, "input") || html_tag_is(tag, "button") ||
                   html_tag_is(tag, "select") || html_tag_is(tag, "textarea");
    bool group = html_tag_is(tag, "fieldset") || html_tag_is(tag, "optgroup");
    if (group && has(tag, "disabled")) return true;
    return control && (has(tag, "form") || has(tag, "formaction") || has(tag, "formmethod") ||
                       has(tag, "formenctype") || has(tag, "dirname"));
}

static enum form_verdict take_tag(struct reading *r, const struct html_tag *tag) {
    if (r->select.open && r->select.text_wanted) {
        enum form_verdict verdict = take_option_text(r, tag->before);
        if (verdict != FORM_OK) return verdict;
    }
    if (tag->closing) return take_closing(r, tag);
    if (is_beyond_us(tag)) return FORM_UNSUPPORTED;
    if (html_tag_is(tag, "form")) return open_form(r, tag);
    if (!r->in_form) return FORM_OK;
    if (html_tag_is(tag, "option")) return add_option(r, tag);
    if (html_tag_is(tag, "select")) return open_select(r, tag);
    bool button = html_tag_is(tag, "button"), area = html_tag_is(tag, "textarea");
    if (!button && !area && !html_tag_is(tag, "input")) return FORM_OK;
    if (r->select.open) return FORM_MALFORMED; /* browsers end the select here, or do not */
    if (button) return add_button(r, tag);
    return area ? add_textarea(r, tag) : add_input(r, tag);
}

static enum form_verdict read_page(struct reading *r, struct str page, struct form *form) {
    struct html_tag tag;
    enum html_verdict next;
    if (page.len > FORM_PAGE_MAX) return FORM_TOO_BIG;
    html_init(&r->html, page, r->arena);
    while ((next = html_next(&r->html, &tag)) == HTML_TAG) {
        enum form_verdict verdict = take_tag(r, &tag);
        if (verdict != FORM_OK) return verdict;
    }
    if (next == HTML_NO_MEMORY) return FORM_NO_MEMORY;
    if (next == HTML_MALFORMED || r->in_form) return FORM_MALFORMED;
    if (!r->has_found) return FORM_NOT_FOUND;
    *form = r->found;
    return FORM_OK;
}

enum form_verdict form_find(struct str page, struct str name, struct arena *arena,
                            struct form *form) {
    struct reading r = {.arena = arena, .wanted = name};
    return read_page(&r, page, form);
}

enum form_verdict form_find_button(struct str page, struct str name, struct arena *arena,
                                   struct form *form) {
    struct reading r = {.arena = arena, .wanted = name, .button_wanted = true};
    return read_page(&r, page, form);
}
