#include "proxy/vault/vault_text.h"

#include <string.h>

#include "policy/base/bytes.h"
#include "policy/base/outbuf.h"

#define INDEX     "#index"
#define AAD_INDEX "phonegate-vault 1 index"
#define AAD_ITEM  "phonegate-vault 1 record "
/* "PHONE SETTING candidate", and what stands before it where it is authenticated. */
#define ITEM_NAME_MAX (2 * VAULT_NAME_MAX + sizeof("  candidate"))
/* Two octets of length stand before a value, zeros behind it. */
#define PADDED(len) (((len) + 2 + VAULT_PAD - 1) / VAULT_PAD * VAULT_PAD)

static const struct str which_words[] = {{"current", 7}, {"candidate", 9}};

static const char *const problem_missing = "it is missing: the file was cut, or a line taken out";
static const char *const problem_altered = "it was altered, or belongs elsewhere";
static const char *const problem_older = "it is an older one of this vault, put back";
static const char *const problem_foreign = "it is not in the index: an older line, put back";

static struct str copy(struct str s) {
    char *memory = malloc(s.len + 1);
    ENSURE(memory != NULL);
    if (s.len > 0) memcpy(memory, s.ptr, s.len);
    memory[s.len] = '\0';
    return (struct str){memory, s.len};
}

/* What copy made; struct str has const octets. */
static void drop(struct str *s) {
    union {
        const char *read;
        char *owned;
    } it = {.read = s->ptr};
    free(it.owned);
    *s = STR_NONE;
}

void vault_text_init(struct vault_text *text) {
    static const uint64_t key[2] = {0}; /* the names are our operator's own */
    *text = (struct vault_text){.items = NULL};
    strmap_init(&text->names, key);
}

void vault_text_free(struct vault_text *text) {
    for (size_t i = 0; i < text->count; i++) {
        drop(&text->items[i]->name);
        drop(&text->items[i]->line);
        free(text->items[i]);
    }
    for (size_t i = 0; i < text->scrap_count; i++) drop(&text->scraps[i].text);
    free(text->items);
    free(text->scraps);
    strmap_free(&text->names);
    vault_text_init(text);
}

static bool word_is_good(struct str word) {
    if (word.len == 0 || word.len > VAULT_NAME_MAX || word.ptr[0] == '#') return false;
    for (size_t i = 0; i < word.len; i++)
        if (word.ptr[i] <= ' ' || word.ptr[i] > '~') return false;
    return true;
}

static struct str item_name(char *memory, size_t room, struct str phone, struct str setting,
                            enum vault_which which) {
    struct outbuf out;
    outbuf_init(&out, memory, room);
    outbuf_put(&out, phone);
    outbuf_char(&out, ' ');
    outbuf_put(&out, setting);
    outbuf_char(&out, ' ');
    outbuf_put(&out, which_words[which]);
    ENSURE(!out.full);
    return outbuf_str(&out);
}

struct vault_item *vault_text_find(const struct vault_text *text, struct str phone,
                                   struct str setting, enum vault_which which) {
    char memory[ITEM_NAME_MAX];
    size_t at;
    if (!word_is_good(phone) || !word_is_good(setting)) return NULL;
    struct str name = item_name(memory, sizeof(memory), phone, setting, which);
    return strmap_find(&text->names, name, &at) ? text->items[at] : NULL;
}

struct vault_item *vault_text_add(struct vault_text *text, struct str phone, struct str setting,
                                  enum vault_which which) {
    struct vault_item *item = vault_text_find(text, phone, setting, which);
    if (item != NULL || !word_is_good(phone) || !word_is_good(setting)) return item;
    if (text->count == text->room) {
        text->room = text->room == 0 ? 64 : 2 * text->room;
        text->items = realloc(text->items, text->room * sizeof(struct vault_item *));
        ENSURE(text->items != NULL);
    }
    char memory[ITEM_NAME_MAX];
    item = calloc(1, sizeof(*item));
    ENSURE(item != NULL);
    item->name = copy(item_name(memory, sizeof(memory), phone, setting, which));
    item->phone = str_part(item->name, 0, phone.len);
    item->setting = str_part(item->name, phone.len + 1, setting.len);
    item->which = which;
    size_t unused;
    ENSURE(strmap_add(&text->names, item->name, text->count, &unused));
    text->items[text->count++] = item;
    return item;
}

void vault_item_set(struct vault_item *item, struct str value) {
    drop(&item->line);
    item->value = value;
    item->listed = false;
    item->problem = NULL;
    item->gone = value.ptr == NULL;
    item->changed = true;
}

static void keep_scrap(struct vault_text *text, struct str line, unsigned number, const char *why) {
    size_t size = (text->scrap_count + 1) * sizeof(*text->scraps);
    text->scraps = realloc(text->scraps, size);
    ENSURE(text->scraps != NULL);
    text->scraps[text->scrap_count++] = (struct vault_scrap){copy(line), number, why};
}

/* "PHONE SETTING WHICH", and what stands behind it in *rest. */
static bool read_name(struct str *rest, struct str *phone, struct str *setting,
                      enum vault_which *which) {
    struct str word;
    if (!str_split(rest, ' ', phone) || !str_split(rest, ' ', setting) ||
        !str_split(rest, ' ', &word) || !word_is_good(*phone) || !word_is_good(*setting))
        return false;
    *which = str_equal(word, which_words[VAULT_CURRENT]) ? VAULT_CURRENT : VAULT_CANDIDATE;
    return str_equal(word, which_words[*which]) && rest->ptr != NULL;
}

/* ---- the index ---- */

/* "GENERATION", then "NAME TAG" for each record. */
static bool read_listing(struct str listing, struct vault_text *text) {
    struct str line, phone, setting;
    enum vault_which which;
    if (!str_split(&listing, '\n', &line) || !str_to_u64(line, UINT64_MAX, &text->generation))
        return false;
    while (str_split(&listing, '\n', &line) && line.len > 0) {
        uint8_t tag[VAULT_TAG_LEN];
        if (!read_name(&line, &phone, &setting, &which) ||
            !bytes_from_b64(line, tag, sizeof(tag)) || text->count > VAULT_RECORDS_MAX)
            return false;
        struct vault_item *item = vault_text_add(text, phone, setting, which);
        ENSURE(item != NULL);
        memcpy(item->tag, tag, sizeof(tag));
        item->listed = true;
        item->problem = problem_missing;
    }
    return true;
}

static bool open_index(struct str sealed, const struct vault_cipher *cipher,
                       struct vault_text *text) {
    size_t len;
    uint8_t tag[VAULT_TAG_LEN];
    if (!vault_opened_len(sealed.len, &len)) return false;
    char *listing = malloc(len + 1);
    ENSURE(listing != NULL);
    bool good = vault_unseal(cipher, STR(AAD_INDEX), sealed, listing, tag) &&
                read_listing((struct str){listing, len}, text);
    free(listing);
    return good;
}

/* True when `line` is used up. */
static bool read_index(struct str line, const struct vault_cipher *cipher,
                       struct vault_text *text) {
    if (!str_starts_with(line, STR(INDEX " "))) {
        text->index_problem = "the index is missing: older records may have been put back";
        return false;
    }
    if (open_index(str_part(line, sizeof(INDEX), line.len), cipher, text)) return true;
    text->index_problem = "the index was altered: records may be missing, or older ones put back";
    keep_scrap(text, line, 2, NULL); /* index_problem says it */
    return true;
}

/* ---- records ---- */

static struct str aad_of(char memory[sizeof(AAD_ITEM) + ITEM_NAME_MAX], struct str name) {
    struct outbuf out;
    outbuf_init(&out, memory, sizeof(AAD_ITEM) + ITEM_NAME_MAX);
    outbuf_put(&out, STR(AAD_ITEM));
    outbuf_put(&out, name);
    ENSURE(!out.full);
    return outbuf_str(&out);
}

static bool open_value(struct str name, struct str sealed, const struct vault_cipher *cipher,
                       struct vault_memory *memory, struct str *value, uint8_t tag[VAULT_TAG_LEN]) {
    char aad[sizeof(AAD_ITEM) + ITEM_NAME_MAX];
    size_t len;
    if (!vault_opened_len(sealed.len, &len) || len < 2 || len > PADDED(VAULT_VALUE_MAX))
        return false;
    char *padded = vault_memory_take(memory, len);
    if (!vault_unseal(cipher, aad_of(aad, name), sealed, padded, tag)) return false;
    size_t value_len = (size_t)(unsigned char)padded[0] << 8 | (unsigned char)padded[1];
    *value = (struct str){padded + 2, value_len};
    return value_len > 0 && value_len <= len - 2;
}

static const char *judge(struct vault_item *item, struct str sealed, bool with_index,
                         const struct vault_cipher *cipher, struct vault_memory *memory) {
    uint8_t tag[VAULT_TAG_LEN];
    struct str value;
    if (!open_value(item->name, sealed, cipher, memory, &value, tag)) return problem_altered;
    if (with_index && !item->listed) return problem_foreign;
    if (item->listed && memcmp(tag, item->tag, sizeof(tag)) != 0) return problem_older;
    memcpy(item->tag, tag, sizeof(tag));
    item->value = value;
    return NULL;
}

static void read_record(struct str line, unsigned number, const struct vault_cipher *cipher,
                        struct vault_memory *memory, const struct vault_text *known,
                        struct vault_text *text) {
    struct str rest = line, phone, setting;
    enum vault_which which;
    if (!read_name(&rest, &phone, &setting, &which)) {
        keep_scrap(text, line, number, "this is no record");
        return;
    }
    struct vault_item *item = vault_text_add(text, phone, setting, which);
    if (item->line.ptr != NULL) {
        keep_scrap(text, line, number, "a record of this name stands above");
        return;
    }
    item->line = copy(line);
    bool with_index = text->index_problem == NULL;
    const struct vault_item *old =
        known == NULL ? NULL : vault_text_find(known, phone, setting, which);
    bool same = old != NULL && old->problem == NULL && !old->gone && str_equal(old->line, line) &&
                item->listed && memcmp(old->tag, item->tag, sizeof(item->tag)) == 0;
    if (same) item->value = old->value;
    item->problem = same ? NULL : judge(item, rest, with_index, cipher, memory);
}

const char *vault_text_read(struct str lines, const struct vault_cipher *cipher,
                            struct vault_memory *memory, const struct vault_text *known,
                            struct vault_text *text) {
    struct str line;
    unsigned number = 2;
    bool more = str_split(&lines, '\n', &line);
    if (read_index(more ? line : STR_NONE, cipher, text)) {
        more = str_split(&lines, '\n', &line);
        number++;
    }
    for (; more; more = str_split(&lines, '\n', &line), number++) {
        if (line.len == 0 && lines.ptr == NULL) break; /* behind the last line's end */
        read_record(line, number, cipher, memory, known, text);
        if (text->count > VAULT_RECORDS_MAX || text->scrap_count > VAULT_RECORDS_MAX)
            return "it holds more records than the limit";
    }
    return NULL;
}

/* ---- writing ---- */

static bool seal_item(struct vault_item *item, const struct vault_cipher *cipher) {
    char aad[sizeof(AAD_ITEM) + ITEM_NAME_MAX];
    char padded[PADDED(VAULT_VALUE_MAX)] = {0};
    size_t len = PADDED(item->value.len), sealed_len = vault_sealed_len(len);
    padded[0] = (char)(item->value.len >> 8);
    padded[1] = (char)(item->value.len & 0xff);
    memcpy(padded + 2, item->value.ptr, item->value.len);
    char *line = malloc(item->name.len + 1 + sealed_len);
    ENSURE(line != NULL);
    memcpy(line, item->name.ptr, item->name.len);
    line[item->name.len] = ' ';
    bool good = vault_seal(cipher, aad_of(aad, item->name), (struct str){padded, len},
                           line + item->name.len + 1, item->tag);
    bytes_wipe(padded, sizeof(padded));
    item->line = (struct str){line, item->name.len + 1 + sealed_len};
    if (!good) drop(&item->line);
    item->listed = good;
    return good;
}

/* The listing of what there is, and of what there should be. */
static char *write_listing(const struct vault_text *text, size_t *len) {
    size_t room = 32 + text->count * (ITEM_NAME_MAX + BYTES_B64_LEN(VAULT_TAG_LEN) + 2);
    char *memory = malloc(room);
    ENSURE(memory != NULL);
    struct outbuf out;
    outbuf_init(&out, memory, room);
    outbuf_u64(&out, text->generation);
    outbuf_char(&out, '\n');
    for (size_t i = 0; i < text->count; i++) {
        const struct vault_item *item = text->items[i];
        if (item->gone || !item->listed) continue;
        char tag[BYTES_B64_LEN(VAULT_TAG_LEN)];
        bytes_to_b64(item->tag, VAULT_TAG_LEN, tag);
        outbuf_put(&out, item->name);
        outbuf_char(&out, ' ');
        outbuf_put(&out, (struct str){tag, sizeof(tag)});
        outbuf_char(&out, '\n');
    }
    ENSURE(!out.full);
    *len = out.len;
    return memory;
}

static size_t file_room(const struct vault_text *text, const struct vault_cipher *cipher,
                        size_t listing_len) {
    size_t room = cipher->header_len + sizeof(INDEX) + vault_sealed_len(listing_len) + 16;
    for (size_t i = 0; i < text->count; i++) room += text->items[i]->line.len + 1;
    for (size_t i = 0; i < text->scrap_count; i++) room += text->scraps[i].text.len + 1;
    return room;
}

static void put_line(struct outbuf *out, struct str line) {
    outbuf_put(out, line);
    outbuf_char(out, '\n');
}

char *vault_text_write(struct vault_text *text, const struct vault_cipher *cipher, size_t *len) {
    for (size_t i = 0; i < text->count; i++) {
        struct vault_item *item = text->items[i];
        if (item->gone || item->problem != NULL) continue;
        if (item->line.ptr == NULL && !seal_item(item, cipher)) return NULL;
        item->listed = true; /* also where the index before was damaged */
    }
    size_t listing_len;
    uint8_t tag[VAULT_TAG_LEN];
    char *listing = write_listing(text, &listing_len);
    size_t sealed_len = vault_sealed_len(listing_len);
    size_t room = file_room(text, cipher, listing_len);
    char *sealed = malloc(sealed_len), *file = malloc(room);
    ENSURE(sealed != NULL && file != NULL);
    bool good = vault_seal(cipher, STR(AAD_INDEX), (struct str){listing, listing_len}, sealed, tag);
    struct outbuf out;
    outbuf_init(&out, file, room);
    put_line(&out, (struct str){cipher->header, cipher->header_len});
    outbuf_put(&out, STR(INDEX " "));
    put_line(&out, (struct str){sealed, sealed_len});
    for (size_t i = 0; i < text->count; i++)
        if (!text->items[i]->gone && text->items[i]->line.ptr != NULL)
            put_line(&out, text->items[i]->line);
    for (size_t i = 0; i < text->scrap_count; i++) put_line(&out, text->scraps[i].text);
    ENSURE(!out.full);
    free(listing);
    free(sealed);
    *len = out.len;
    if (good) return file;
    free(file);
    return NULL;
}
