#include "proxy/cmd/expect_table.h"

#include <stdlib.h>
#include <string.h>

#include "policy/base/outbuf.h"

/* Files of our own people: the caps only turn a runaway into an abort. */
#define ARENA_CAP ((size_t)1 << 30)
#define CELLS_MAX 64

static const struct str arrow = {" -> ", 4};

struct cells {
    struct str cell[CELLS_MAX];
    size_t count;
};

struct parser {
    struct expect_table *table;
    unsigned line;
    struct outbuf sample;
    enum { SECTION_NONE, SECTION_PHONES, SECTION_GRANTS } section;
};

static void *table_alloc(struct expect_table *table, size_t size) {
    void *memory = arena_alloc(&table->arena, size);
    ENSURE(memory != NULL);
    return memory;
}

/* Words between blanks; one that holds blanks stands in quotes. NULL, or what is wrong. */
static const char *split(struct str text, struct cells *cells) {
    cells->count = 0;
    for (size_t at = 0; at < text.len;) {
        char c = text.ptr[at];
        if (c == ' ' || c == '\t') {
            at++;
            continue;
        }
        if (cells->count == CELLS_MAX) return "too many words";
        size_t from = c == '"' ? at + 1 : at, end = from;
        if (c == '"') {
            end = str_find(text, '"', from);
            if (end == text.len) return "a quote without its end";
        } else {
            while (end < text.len && text.ptr[end] != ' ' && text.ptr[end] != '\t') end++;
        }
        cells->cell[cells->count++] = str_part(text, from, end - from);
        at = c == '"' ? end + 1 : end;
    }
    return NULL;
}

/* ---- bodies ---- */

/* \r \n \t \s (blank) \\ and \xNN. Never longer than what it stands for. */
static bool unescape(struct str raw, struct outbuf *out) {
    static const char from[] = "rnts\\", to[] = "\r\n\t \\";
    for (size_t i = 0; i < raw.len; i++) {
        if (raw.ptr[i] != '\\') {
            outbuf_char(out, raw.ptr[i]);
            continue;
        }
        if (++i == raw.len) return false;
        const char *known = memchr(from, raw.ptr[i], sizeof(from) - 1);
        if (known != NULL) {
            outbuf_char(out, to[known - from]);
            continue;
        }
        bool hex = raw.ptr[i] == 'x' && i + 2 < raw.len && ascii_is_hex(raw.ptr[i + 1]) &&
                   ascii_is_hex(raw.ptr[i + 2]);
        if (!hex) return false;
        outbuf_char(out,
                    (char)(ascii_hex_value(raw.ptr[i + 1]) << 4 | ascii_hex_value(raw.ptr[i + 2])));
        i += 2;
    }
    return true;
}

/* name[=value],name[=value] as the parts of a form. */
static struct str multipart(struct expect_table *table, struct str fields) {
    static const char head[] = "--b\r\nContent-Disposition: form-data; name=\"";
    size_t cap = 64 + fields.len;
    for (size_t i = 0; i < fields.len + 1; i++)
        if (i == fields.len || fields.ptr[i] == ',') cap += sizeof(head) + 16;
    struct outbuf out;
    struct str field;
    outbuf_init(&out, table_alloc(table, cap), cap);
    while (str_split(&fields, ',', &field)) {
        size_t mark = str_find(field, '=', 0);
        outbuf_put(&out, str_of(head));
        outbuf_put(&out, str_part(field, 0, mark));
        outbuf_put(&out, STR("\"\r\n\r\n"));
        outbuf_put(&out, str_part(field, mark + 1, field.len));
        outbuf_put(&out, STR("\r\n"));
    }
    outbuf_put(&out, STR("--b--\r\n"));
    ENSURE(!out.full);
    return outbuf_str(&out);
}

static const struct body_kind_word {
    const char *word, *type;
} body_kinds[] = {
    {"form", "application/x-www-form-urlencoded"},
    {"long", "application/x-www-form-urlencoded"},
    {"lines", "text/plain"},
    {"multi", "multipart/form-data; boundary=b"},
    {"xml", "text/xml"},
    {"raw", ""},
};

static const char *read_body(struct expect_table *table, struct str cell, struct expect_row *row) {
    size_t colon = str_find(cell, ':', 0);
    struct str kind = str_part(cell, 0, colon), text = str_part(cell, colon + 1, cell.len);
    const struct body_kind_word *known = NULL;
    for (size_t i = 0; i < ARRAY_LEN(body_kinds); i++)
        if (str_equal(kind, str_of(body_kinds[i].word))) known = &body_kinds[i];
    if (known == NULL || colon == cell.len)
        return "a body is KIND:TEXT, with KIND form, lines, multi, xml, raw or long";
    if (row->request.has_body) return "a second body";
    struct outbuf out;
    outbuf_init(&out, table_alloc(table, text.len + 1), text.len);
    if (!unescape(text, &out)) return "a backslash in a body begins \\r \\n \\t \\s \\\\ or \\xNN";
    row->request.has_body = true;
    row->request.content_type = str_of(known->type);
    row->request.body = outbuf_str(&out);
    row->has_long_body = str_equal(kind, STR("long"));
    if (str_equal(kind, STR("multi"))) row->request.body = multipart(table, outbuf_str(&out));
    return NULL;
}

/* ---- rows ---- */

static bool verdict_is_good(struct str verdict) {
    uint64_t status;
    return str_equal(verdict, STR("allow")) || str_equal(verdict, STR("deny")) ||
           (verdict.len == 3 && str_to_u64(verdict, 599, &status) && status >= 100);
}

static const char *read_expected(struct str text, struct expect_row *row) {
    text = str_trim(text);
    size_t end = 0;
    while (end < text.len && text.ptr[end] != ' ' && text.ptr[end] != '\t') end++;
    row->verdict = str_part(text, 0, end);
    row->rule = str_trim(str_part(text, end, text.len));
    if (row->rule.len == 0) row->rule = STR_NONE;
    return verdict_is_good(row->verdict) ? NULL : "the verdict is allow, deny or a status";
}

/* What stands behind the target. */
static const char *read_extra(struct expect_table *table, struct str cell, struct expect_row *row) {
    struct explain_request *request = &row->request;
    const struct str from = STR("from="), at = STR("at=");
    if (str_starts_with(cell, STR("@")))
        return explain_sender_from(cell, &request->sender)
                   ? NULL
                   : "what asks is @page, @cross-site or @script";
    if (str_starts_with(cell, from)) {
        struct str text = arena_copy(&table->arena, str_part(cell, from.len, cell.len));
        ENSURE(text.ptr != NULL);
        return explain_address_from(text.ptr, &request->address)
                   ? NULL
                   : "from= is an address: 192.0.2.1 or 2001:db8::1";
    }
    if (str_starts_with(cell, at))
        return explain_when_from(str_part(cell, at.len, cell.len), &request->when)
                   ? NULL
                   : "at= is a time: 2026-12-31T18:00:00Z, with +01:00 for the Z, or 2026-12-31";
    return read_body(table, cell, row);
}

static const char *read_row(struct expect_table *table, struct str text, size_t at,
                            struct expect_row *row) {
    struct cells cells;
    const char *problem = split(str_part(text, 0, at), &cells);
    if (problem != NULL) return problem;
    if (cells.count < 4)
        return "a row is: user phone method target [KIND:body] [@sender] [from=] [at=] -> "
               "verdict [rule]";
    row->user = cells.cell[0];
    row->request.phone = cells.cell[1];
    row->request.method = cells.cell[2];
    row->request.target = cells.cell[3];
    if (!str_starts_with(row->request.target, STR("/"))) return "a target begins with /";
    for (size_t i = 4; i < cells.count && problem == NULL; i++)
        problem = read_extra(table, cells.cell[i], row);
    return problem != NULL ? problem : read_expected(str_part(text, at + arrow.len, text.len), row);
}

/* ---- phones and people of its own ---- */

static void put_string(struct outbuf *out, struct str s) {
    outbuf_char(out, '"');
    outbuf_put(out, s);
    outbuf_char(out, '"');
}

static void begin_section(struct parser *p, int section, const char *name) {
    if ((int)p->section == section) {
        outbuf_put(&p->sample, STR(", "));
        return;
    }
    if (p->section != SECTION_NONE) outbuf_put(&p->sample, STR("); "));
    outbuf_put(&p->sample, str_of(name));
    outbuf_put(&p->sample, STR(" = ( "));
    p->section = section == SECTION_PHONES ? SECTION_PHONES : SECTION_GRANTS;
}

static const char *read_phone(struct parser *p, const struct cells *cells) {
    if (cells->count != 3) return "a phone is: phone ID PROFILE";
    if (p->table->user_count > 0) return "phones stand before users";
    begin_section(p, SECTION_PHONES, "phones");
    outbuf_put(&p->sample, STR("{ url = \"https://192.0.2.1\"; login_required = false; "
                               "tls: { verify = \"none\"; }; id = "));
    put_string(&p->sample, cells->cell[1]);
    outbuf_put(&p->sample, STR("; host = \""));
    outbuf_put(&p->sample, cells->cell[1]);
    outbuf_put(&p->sample, STR(".phones.invalid\"; profile = "));
    put_string(&p->sample, cells->cell[2]);
    outbuf_put(&p->sample, STR("; }"));
    return NULL;
}

static const char *read_user(struct parser *p, const struct cells *cells) {
    if (cells->count < 2) return "a user is: user NAME [ROLE [exception...]]";
    if (p->section == SECTION_NONE) return "phones stand before users";
    p->table->users[p->table->user_count++] = cells->cell[1];
    if (cells->count == 2) return NULL;
    begin_section(p, SECTION_GRANTS, "grants");
    outbuf_put(&p->sample, STR("{ phones = [ \"*\" ]; users = [ "));
    put_string(&p->sample, cells->cell[1]);
    outbuf_put(&p->sample, STR(" ]; role = "));
    put_string(&p->sample, cells->cell[2]);
    bool scripts = false, first = true;
    outbuf_put(&p->sample, STR("; allow = [ "));
    for (size_t i = 3; i < cells->count; i++) {
        if (str_equal(cells->cell[i], STR("scripts"))) {
            scripts = true;
            continue;
        }
        if (!first) outbuf_put(&p->sample, STR(", "));
        put_string(&p->sample, cells->cell[i]);
        first = false;
    }
    outbuf_put(&p->sample, scripts ? STR(" ]; scripts = true; }") : STR(" ]; }"));
    return NULL;
}

static const char *read_own(struct parser *p, struct str text) {
    struct cells cells = {.cell = {STR_NONE}};
    const char *problem = split(text, &cells);
    if (problem != NULL) return problem;
    for (size_t i = 0; i < text.len; i++) /* what libconfig would not take as it stands */
        if (text.ptr[i] == '\\' || (unsigned char)text.ptr[i] < ' ') return "an odd character";
    if (p->table->first_own == 0) p->table->first_own = p->line;
    if (str_equal(cells.cell[0], STR("phone"))) return read_phone(p, &cells);
    if (str_equal(cells.cell[0], STR("user"))) return read_user(p, &cells);
    return "neither a row (there is no \" -> \") nor a phone nor a user";
}

/* ---- the table ---- */

static size_t find_arrow(struct str text) {
    const char *hit = memmem(text.ptr, text.len, arrow.ptr, arrow.len);
    return hit == NULL ? text.len : (size_t)(hit - text.ptr);
}

static const char *read_line(struct parser *p, struct str text) {
    struct expect_table *table = p->table;
    text = str_trim(text);
    if (text.len == 0 || text.ptr[0] == '#') return NULL;
    size_t at = find_arrow(text);
    if (at == text.len) return read_own(p, text);
    struct expect_row *row = &table->rows[table->row_count++];
    *row = (struct expect_row){.line = p->line};
    return read_row(table, text, at, row);
}

static size_t count_lines(struct str text) {
    size_t count = 1;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == '\n') count++;
    return count;
}

/* A line of ours is longer than the table's by less than this. */
#define SAMPLE_LINE 256

bool expect_table_read(struct expect_table *table, const char *path, struct str text,
                       expect_problem *problem, void *user) {
    size_t lines = count_lines(text), cap = (lines + 1) * SAMPLE_LINE + 4 * text.len;
    *table = (struct expect_table){.path = path};
    arena_init(&table->arena, ARENA_CAP);
    table->rows = table_alloc(table, lines * sizeof(*table->rows));
    table->users = table_alloc(table, lines * sizeof(*table->users));
    struct parser p = {.table = table};
    outbuf_init(&p.sample, table_alloc(table, cap), cap);
    struct str line;
    bool good = true;
    while (str_split(&text, '\n', &line)) {
        p.line++;
        if (line.len > 0 && line.ptr[line.len - 1] == '\r') line.len--;
        const char *wrong = read_line(&p, line);
        if (wrong != NULL) problem(user, path, p.line, wrong);
        good = good && wrong == NULL;
        outbuf_char(&p.sample, '\n');
    }
    if (p.section != SECTION_NONE) outbuf_put(&p.sample, STR(" );"));
    if (p.section != SECTION_GRANTS) outbuf_put(&p.sample, STR(" grants = ();"));
    ENSURE(!p.sample.full);
    table->sample = outbuf_str(&p.sample);
    return good;
}

void expect_table_free(struct expect_table *table) {
    arena_release(&table->arena);
}
