#include "policy/auth/phone_form.h"

#include <stdlib.h>
#include <string.h>

#include "policy/auth/phone_form_parts.h"
#include "policy/base/bytes.h"

/* One value filled in, before it is encoded. */
#define FILLED_MAX 1024
/* Names in one {md5(...)}, with what stands between them. */
#define HASHED_MAX 8

/* ---- one recipe, shared ---- */

struct phone_form *phone_form_new(void) {
    struct phone_form *form = calloc(1, sizeof(*form));
    ENSURE(form != NULL);
    atomic_init(&form->refs, 1);
    arena_init(&form->arena, PHONE_FORM_RECIPE_BYTES);
    return form;
}

struct phone_form *phone_form_hold(struct phone_form *form) {
    if (form != NULL) atomic_fetch_add(&form->refs, 1);
    return form;
}

void phone_form_release(struct phone_form *form) {
    if (form == NULL || atomic_fetch_sub(&form->refs, 1) != 1) return;
    arena_release(&form->arena);
    free(form);
}

/* Each text with its length goes into a chain of hashes. */
struct sealer {
    struct hasher *hasher;
    uint8_t sum[HASH_MAX_LEN];
    bool good;
};

static void seal(struct sealer *s, struct str text) {
    uint8_t len[8];
    bytes_put_u64(len, text.len);
    const struct str parts[] = {
        {(const char *)s->sum, sizeof(s->sum)}, {(const char *)len, sizeof(len)}, text};
    s->good = hash_parts(s->hasher, HASH_SHA256, parts, ARRAY_LEN(parts), s->sum) && s->good;
}

static void seal_number(struct sealer *s, uint64_t number) {
    uint8_t octets[8];
    bytes_put_u64(octets, number);
    seal(s, (struct str){(const char *)octets, sizeof(octets)});
}

static void seal_list(struct sealer *s, const struct str *list, size_t count) {
    seal_number(s, count);
    for (size_t i = 0; i < count; i++) seal(s, list[i]);
}

static void seal_fields(struct sealer *s, const struct phone_form_field *fields, size_t count) {
    seal_number(s, count);
    for (size_t i = 0; i < count; i++) {
        seal(s, fields[i].name);
        seal(s, fields[i].value);
    }
}

static void seal_step(struct sealer *s, const struct phone_form_step *step) {
    seal_number(s, step->post);
    seal(s, step->path);
    seal_fields(s, step->fields, step->field_count);
    seal_number(s, step->take_count);
    for (size_t i = 0; i < step->take_count; i++) {
        const struct phone_form_take *take = &step->takes[i];
        const struct str texts[] = {take->name, take->field, take->json, take->cookie};
        seal_list(s, texts, ARRAY_LEN(texts));
    }
    seal_fields(s, step->cookies, step->cookie_count);
    seal_number(s, step->status);
    seal_list(s, step->locations, step->location_count);
    seal(s, step->accepted);
    seal(s, step->refused);
}

bool phone_form_seal(struct phone_form *form, struct hasher *h) {
    struct sealer s = {.hasher = h, .good = true};
    seal_number(&s, form->step_count);
    for (size_t i = 0; i < form->step_count; i++) seal_step(&s, &form->steps[i]);
    seal_list(&s, form->cookies, form->cookie_count);
    seal_number(&s, form->logged_out.status);
    seal_list(&s, form->logged_out.locations, form->logged_out.location_count);
    seal_list(&s, form->logged_out.texts, form->logged_out.text_count);
    seal(&s, form->probe);
    seal_number(&s, form->log_out != NULL);
    if (form->log_out != NULL) seal_step(&s, form->log_out);
    memcpy(form->digest, s.sum, sizeof(form->digest));
    return s.good;
}

/* ---- texts with placeholders ---- */

/* One piece of such a text: literal, or a list of names, hashed or (then it is one) not. */
struct piece {
    struct str literal, names;
    bool is_hash;
    enum hash_alg alg;
};

/* What stands between the braces. */
static const char *read_braces(struct str inside, struct piece *piece) {
    size_t open = str_find(inside, '(', 0);
    piece->names = inside;
    if (open == inside.len) return NULL;
    struct str function = str_part(inside, 0, open);
    piece->is_hash = true;
    if (str_equal(function, STR("md5")))
        piece->alg = HASH_MD5;
    else if (str_equal(function, STR("sha256")))
        piece->alg = HASH_SHA256;
    else
        return "names a hash that is neither md5 nor sha256";
    if (inside.ptr[inside.len - 1] != ')') return "has no ) behind its (";
    piece->names = str_part(inside, open + 1, inside.len - open - 2);
    return NULL;
}

/* Cut the next piece off *rest, which is not empty. */
static const char *next_piece(struct str *rest, struct piece *piece) {
    *piece = (struct piece){.literal = STR_NONE};
    size_t brace = str_find(*rest, '{', 0);
    if (brace > 0) {
        piece->literal = str_part(*rest, 0, brace);
        *rest = str_part(*rest, brace, rest->len);
        bool stray = str_find(piece->literal, '}', 0) < piece->literal.len;
        return stray ? "holds a } without a {" : NULL;
    }
    size_t close = str_find(*rest, '}', 0);
    if (close == rest->len) return "holds a { without a }";
    struct str inside = str_part(*rest, 1, close - 1);
    *rest = str_part(*rest, close + 1, rest->len);
    return inside.len == 0 ? "holds an empty {}" : read_braces(inside, piece);
}

/* Cut the next name off, and what joins it to the one behind it (0: it is the last). */
static struct str next_name(struct str *names, char *joint) {
    size_t end = 0;
    while (end < names->len && names->ptr[end] != ':' && names->ptr[end] != '+') end++;
    struct str name = str_part(*names, 0, end);
    *joint = end < names->len ? names->ptr[end] : '\0';
    *names = str_part(*names, end + 1, names->len);
    return name;
}

static bool is_known(struct str name, const struct str *names, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (str_equal(name, names[i])) return true;
    return str_equal(name, STR("user")) || str_equal(name, STR("password"));
}

static const char *check_names(const struct piece *piece, const struct str *names, size_t count,
                               bool *password) {
    struct str rest = piece->names;
    char joint = ':';
    for (size_t i = 0; joint != '\0'; i++) {
        struct str name = next_name(&rest, &joint);
        if (!is_known(name, names, count)) return "uses a name that nothing before it takes";
        if (joint != '\0' && (!piece->is_hash || i + 1 == HASHED_MAX / 2))
            return piece->is_hash ? "joins too many names" : "joins names outside of a hash";
        if (str_equal(name, STR("password"))) *password = true;
    }
    return NULL;
}

const char *phone_form_check(struct str value, const struct str *names, size_t count,
                             bool *password) {
    struct str rest = value;
    while (rest.len > 0) {
        struct piece piece;
        const char *problem = next_piece(&rest, &piece);
        if (problem == NULL && piece.literal.len == 0)
            problem = check_names(&piece, names, count, password);
        if (problem != NULL) return problem;
    }
    return NULL;
}

static bool value_of(const struct phone_form_account *account, const struct phone_form_run *run,
                     struct str name, struct str *value) {
    bool known = true;
    if (str_equal(name, STR("user"))) {
        *value = account->user;
    } else if (str_equal(name, STR("password"))) {
        *value = account->password;
    } else {
        known = false;
        for (size_t i = 0; i < run->value_count && !known; i++) {
            known = str_equal(run->values[i].name, name);
            if (known) *value = (struct str){run->values[i].text, run->values[i].len};
        }
    }
    return known;
}

static bool fill_piece(const struct piece *piece, const struct phone_form_account *account,
                       const struct phone_form_run *run, struct outbuf *out) {
    struct str parts[HASHED_MAX];
    size_t count = 0;
    struct str rest = piece->names;
    char joint = ':';
    while (joint != '\0') {
        struct str name = next_name(&rest, &joint);
        if (count + 2 > ARRAY_LEN(parts) || !value_of(account, run, name, &parts[count]))
            return false;
        count++;
        if (joint == ':') parts[count++] = STR(":");
    }
    if (!piece->is_hash) {
        outbuf_put(out, parts[0]);
        return count == 1;
    }
    char hex[HASH_MAX_HEX];
    if (!hash_parts_hex(account->hasher, piece->alg, parts, count, hex)) return false;
    outbuf_put(out, (struct str){hex, 2 * hash_len(piece->alg)});
    bytes_wipe(hex, sizeof(hex));
    return true;
}

static bool fill(struct str value, const struct phone_form_account *account,
                 const struct phone_form_run *run, struct outbuf *out) {
    struct str rest = value;
    while (rest.len > 0) {
        struct piece piece;
        if (next_piece(&rest, &piece) != NULL) return false;
        if (piece.literal.len > 0)
            outbuf_put(out, piece.literal);
        else if (!fill_piece(&piece, account, run, out))
            return false;
    }
    return !out->full;
}

/* application/x-www-form-urlencoded, every octet that is not plain as %XX. */
static void put_encoded(struct outbuf *out, struct str text) {
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool plain = ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '.' || c == '_';
        if (plain) {
            outbuf_char(out, c);
        } else {
            outbuf_char(out, '%');
            outbuf_char(out, "0123456789ABCDEF"[(unsigned char)c >> 4]);
            outbuf_char(out, "0123456789ABCDEF"[(unsigned char)c & 15]);
        }
    }
}

bool phone_form_body(const struct phone_form_step *step, const struct phone_form_account *account,
                     const struct phone_form_run *run, struct outbuf *out) {
    char memory[FILLED_MAX];
    bool good = true;
    for (size_t i = 0; i < step->field_count && good; i++) {
        struct outbuf filled;
        outbuf_init(&filled, memory, sizeof(memory));
        good = fill(step->fields[i].value, account, run, &filled);
        if (i > 0) outbuf_char(out, '&');
        put_encoded(out, step->fields[i].name);
        outbuf_char(out, '=');
        if (good) put_encoded(out, outbuf_str(&filled));
    }
    bytes_wipe(memory, sizeof(memory));
    return good && !out->full;
}

bool phone_form_make_cookies(const struct phone_form_step *step,
                             const struct phone_form_account *account, struct phone_form_run *run) {
    char memory[FILLED_MAX];
    bool good = true;
    for (size_t i = 0; i < step->cookie_count && good; i++) {
        struct outbuf filled;
        outbuf_init(&filled, memory, sizeof(memory));
        good = fill(step->cookies[i].value, account, run, &filled) && filled.len > 0 &&
               phone_form_jar_put(&run->jar, step->cookies[i].name, outbuf_str(&filled));
    }
    bytes_wipe(memory, sizeof(memory));
    return good;
}
