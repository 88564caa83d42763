#include "proxy/cmd/strength.h"

#include <stdio.h>
#include <string.h>
#include <zxcvbn.h>

#include "proxy/config/weak.h"

#define WORDS_MAX     64
#define BITS_PER_ZERO 3.3219 /* log2(10) */

/* What zxcvbn takes: an array with NULL behind its last word. */
struct words {
    const char *list[WORDS_MAX + 1];
    size_t count;
};

static void add(struct words *words, struct str word) {
    /* A word of three letters is a coincidence. */
    if (word.len < 4 || words->count == WORDS_MAX) return;
    char *copy = calloc(1, word.len + 1);
    ENSURE(copy != NULL);
    for (size_t i = 0; i < word.len; i++) copy[i] = ascii_lower(word.ptr[i]);
    words->list[words->count++] = copy;
}

static bool is_letter(char c) {
    char lower = ascii_lower(c);
    return (lower >= 'a' && lower <= 'z') || (unsigned char)c >= 0x80;
}

/* The text itself, and each run of letters in it. */
static void add_text(struct words *words, struct str text) {
    add(words, text);
    for (size_t from = 0, to; from < text.len; from = to + 1) {
        for (to = from; to < text.len && is_letter(text.ptr[to]);) to++;
        if (to - from < text.len) add(words, str_part(text, from, to - from));
    }
}

static size_t count_chars(struct str text) {
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) count += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    return count;
}

static double guess_bits(struct str password, const struct strength_context *ctx) {
    struct words words = {.count = 0};
    add_text(&words, ctx->user);
    add_text(&words, ctx->realm);
    for (size_t i = 0; i < ctx->host_count; i++) add_text(&words, ctx->hosts[i]);
    add(&words, STR("phonegate"));
    add(&words, STR("phone"));
    double bits = ZxcvbnMatch(password.ptr, words.list, NULL);
    for (size_t i = 0; i < words.count; i++) {
        char *copy;
        memcpy(&copy, &words.list[i], sizeof(copy)); /* ours, not const */
        free(copy);
    }
    return bits;
}

const char *strength_problem(struct str password, const struct strength_context *ctx, char *memory,
                             size_t size) {
    if (count_chars(password) < STRENGTH_MIN_CHARS) {
        (void)snprintf(memory, size, "it has fewer than %d characters", STRENGTH_MIN_CHARS);
        return memory;
    }
    const char *weak = weak_password(ctx->user, password);
    if (weak != NULL) return weak;
    double bits = guess_bits(password, ctx);
    if (bits >= STRENGTH_MIN_BITS) return NULL;
    (void)snprintf(memory, size,
                   "somebody who tries words, names, dates and patterns needs about 10^%d guesses, "
                   "and it should be 10^10; take four unrelated words, or random characters",
                   bits > 0 ? (int)(bits / BITS_PER_ZERO) : 0);
    return memory;
}
