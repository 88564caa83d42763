#include "policy/base/str.h"

#include <string.h>

struct str str_of(const char *text) {
    return text ? (struct str){text, strlen(text)} : STR_NONE;
}

struct str str_part(struct str s, size_t from, size_t len) {
    if (from > s.len) from = s.len;
    if (len > s.len - from) len = s.len - from;
    return (struct str){s.ptr ? s.ptr + from : NULL, len};
}

static bool is_ows(char c) {
    return c == ' ' || c == '\t';
}

struct str str_trim(struct str s) {
    while (s.len > 0 && is_ows(s.ptr[0])) s = str_part(s, 1, s.len);
    while (s.len > 0 && is_ows(s.ptr[s.len - 1])) s.len--;
    return s;
}

bool str_equal(struct str a, struct str b) {
    // NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): octets to compare stand somewhere
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

char ascii_lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool str_same_icase(const char *a, const char *b, size_t len) {
    if (memcmp(a, b, len) == 0) return true; /* most write names as we do */
    for (size_t i = 0; i < len; i++) {
        char x = a[i];
        char y = b[i];
        if (x != y && ascii_lower(x) != ascii_lower(y)) return false;
    }
    return true;
}

bool str_starts_with(struct str s, struct str prefix) {
    return s.len >= prefix.len && str_equal(str_part(s, 0, prefix.len), prefix);
}

bool str_starts_with_icase(struct str s, struct str prefix) {
    if (prefix.len == 0) return true;
    return s.len >= prefix.len && str_equal_icase((struct str){s.ptr, prefix.len}, prefix);
}

bool str_ends_with(struct str s, struct str suffix) {
    return s.len >= suffix.len && str_equal(str_part(s, s.len - suffix.len, suffix.len), suffix);
}

size_t str_find(struct str s, char c, size_t from) {
    if (from >= s.len) return s.len;
    const char *hit = memchr(s.ptr + from, c, s.len - from);
    return hit ? (size_t)(hit - s.ptr) : s.len;
}

bool str_split(struct str *rest, char sep, struct str *piece) {
    if (rest->ptr == NULL) return false;
    size_t end = str_find(*rest, sep, 0);
    *piece = str_part(*rest, 0, end);
    *rest = end == rest->len ? STR_NONE : str_part(*rest, end + 1, rest->len);
    return true;
}

bool str_to_u64(struct str s, uint64_t max, uint64_t *value) {
    if (s.len == 0) return false;
    uint64_t v = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (!ascii_is_digit(s.ptr[i])) return false;
        uint64_t digit = (uint64_t)(s.ptr[i] - '0');
        if (v > (UINT64_MAX - digit) / 10) return false;
        v = v * 10 + digit;
    }
    if (v > max) return false;
    *value = v;
    return true;
}

static uint64_t rotl(uint64_t x, int b) {
    return (x << b) | (x >> (64 - b));
}

struct sip {
    uint64_t a, b, c, d;
};

static inline struct sip sip_round(struct sip v) {
    v.a += v.b;
    v.b = rotl(v.b, 13) ^ v.a;
    v.a = rotl(v.a, 32);
    v.c += v.d;
    v.d = rotl(v.d, 16) ^ v.c;
    v.a += v.d;
    v.d = rotl(v.d, 21) ^ v.a;
    v.c += v.b;
    v.b = rotl(v.b, 17) ^ v.c;
    v.c = rotl(v.c, 32);
    return v;
}

static inline struct sip sip_word(struct sip v, uint64_t m) {
    v.d ^= m;
    v = sip_round(sip_round(v));
    v.a ^= m;
    return v;
}

/* Eight octets as a little-endian word. */
static inline uint64_t sip_load(const char *at) {
    uint64_t word;
    memcpy(&word, at, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* Four octets, likewise. */
static inline uint64_t sip_load_half(const char *at) {
    uint32_t half;
    memcpy(&half, at, sizeof(half));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    half = __builtin_bswap32(half);
#endif
    return half;
}

/* The last s.len % 8 octets; of a longer text they are the end of its last eight. A shorter one is
 * put together without a loop from pieces that overlap. */
static inline uint64_t sip_load_rest(struct str s) {
    size_t count = s.len % 8;
    if (count == 0) return 0;
    if (s.len > 8) return sip_load(s.ptr + s.len - 8) >> (64 - 8 * count);
    if (count >= 4)
        return sip_load_half(s.ptr) | sip_load_half(s.ptr + count - 4) << (8 * (count - 4));
    const unsigned char *p = (const unsigned char *)s.ptr;
    return p[0] | (uint64_t)p[count / 2] << (8 * (count / 2)) |
           (uint64_t)p[count - 1] << (8 * (count - 1));
}

/* Every octet that is an upper-case letter gets the bit that makes it lower case. Octets above 0x7f
 * are left alone; no sum below carries into the next octet. */
static inline uint64_t sip_fold(uint64_t word) {
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t low = word & (ones * 0x7f);
    uint64_t from_a = low + ones * (0x80 - 'A');
    uint64_t above_z = low + ones * (0x80 - 'Z' - 1);
    return word | (((from_a & ~above_z & ~word) & (ones * 0x80)) >> 2);
}

/* SipHash-2-4 (Aumasson, Bernstein 2012): table keys that a peer cannot steer into one bucket. */
uint64_t str_hash(struct str s, const uint64_t key[2], bool fold) {
    struct sip v = {key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du,
                    key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u};
    size_t at = 0;
    for (; s.len - at >= 8; at += 8) {
        uint64_t word = sip_load(s.ptr + at);
        v = sip_word(v, fold ? sip_fold(word) : word);
    }
    uint64_t rest = sip_load_rest(s);
    v = sip_word(v, (fold ? sip_fold(rest) : rest) | (uint64_t)(s.len & 0xff) << 56);
    v.c ^= 0xff;
    for (int i = 0; i < 4; i++) v = sip_round(v);
    return v.a ^ v.b ^ v.c ^ v.d;
}

/* Marks at the highest bit of octets that are not plain, exact up to the first one: only behind it
 * a difference may have borrowed from the next octet. Above 0x7f an octet marks itself. */
static inline uint64_t odd_octets(uint64_t word) {
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t quote = word ^ ones * '"', backslash = word ^ ones * '\\', del = word ^ ones * 0x7f;
    uint64_t odd = word | (word - ones * 0x20) | (quote - ones) | (backslash - ones) | (del - ones);
    return odd & (ones * 0x80);
}

/* Likewise for control octets, which are below SP or DEL. */
static inline uint64_t control_octets(uint64_t word) {
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t del = word ^ ones * 0x7f;
    uint64_t control = ((word - ones * 0x20) & ~word) | ((del - ones) & ~del);
    return control & (ones * 0x80);
}

/* How many octets stand before the first that is marked; 0, which follows the end, must be. */
static inline size_t octets_before(struct str s, uint64_t (*marks_of)(uint64_t word)) {
    size_t at = 0;
    for (; s.len - at >= 8; at += 8) {
        uint64_t marks = marks_of(sip_load(s.ptr + at));
        if (marks != 0) return at + (size_t)__builtin_ctzll(marks) / 8;
    }
    return at + (size_t)__builtin_ctzll(marks_of(sip_load_rest(s))) / 8;
}

size_t str_plain(struct str s) {
    return octets_before(s, odd_octets);
}

size_t str_visible(struct str s) {
    return octets_before(s, control_octets);
}

/* Four octets, the first one lowest, as eight digits in the order of memory. */
static uint64_t hex_of(uint64_t x) {
    const uint64_t ones = UINT64_C(0x0101010101010101);
    x = (x | x << 16) & UINT64_C(0x0000ffff0000ffff);
    x = (x | x << 8) & UINT64_C(0x00ff00ff00ff00ff);
    x = (x >> 4 | x << 8) & ones * 0x0f;
    uint64_t is_letter = (x + ones * 6) >> 4 & ones;
    x += ones * '0' + is_letter * ('a' - '0' - 10);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    x = __builtin_bswap64(x);
#endif
    return x;
}

void str_put_hex(const uint8_t *bytes, size_t len, char *out) {
    for (; len >= 4; len -= 4, bytes += 4, out += 8) {
        uint64_t digits = hex_of(bytes[0] | (uint64_t)bytes[1] << 8 | (uint64_t)bytes[2] << 16 |
                                 (uint64_t)bytes[3] << 24);
        memcpy(out, &digits, 8);
    }
    for (; len > 0; len--, bytes++, out += 2) {
        uint64_t digits = hex_of(bytes[0]);
        memcpy(out, &digits, 2);
    }
}

bool str_list_has(struct str list, struct str token) {
    struct str piece;
    while (str_split(&list, ',', &piece)) {
        if (str_equal_icase(str_trim(piece), token)) return true;
    }
    return false;
}

bool ascii_is_alpha(char c) {
    c = ascii_lower(c);
    return c >= 'a' && c <= 'z';
}

bool ascii_is_digit(char c) {
    return c >= '0' && c <= '9';
}

int ascii_hex_value(char c) {
    if (ascii_is_digit(c)) return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool ascii_is_hex(char c) {
    return ascii_hex_value(c) >= 0;
}

/* Letters, digits and fifteen signs. */
static const bool tchars[256] = {
    ['!'] = true, ['#'] = true, ['$'] = true, ['%'] = true, ['&'] = true, ['\''] = true,
    ['*'] = true, ['+'] = true, ['-'] = true, ['.'] = true, ['^'] = true, ['_'] = true,
    ['`'] = true, ['|'] = true, ['~'] = true, ['0'] = true, ['1'] = true, ['2'] = true,
    ['3'] = true, ['4'] = true, ['5'] = true, ['6'] = true, ['7'] = true, ['8'] = true,
    ['9'] = true, ['A'] = true, ['B'] = true, ['C'] = true, ['D'] = true, ['E'] = true,
    ['F'] = true, ['G'] = true, ['H'] = true, ['I'] = true, ['J'] = true, ['K'] = true,
    ['L'] = true, ['M'] = true, ['N'] = true, ['O'] = true, ['P'] = true, ['Q'] = true,
    ['R'] = true, ['S'] = true, ['T'] = true, ['U'] = true, ['V'] = true, ['W'] = true,
    ['X'] = true, ['Y'] = true, ['Z'] = true, ['a'] = true, ['b'] = true, ['c'] = true,
    ['d'] = true, ['e'] = true, ['f'] = true, ['g'] = true, ['h'] = true, ['i'] = true,
    ['j'] = true, ['k'] = true, ['l'] = true, ['m'] = true, ['n'] = true, ['o'] = true,
    ['p'] = true, ['q'] = true, ['r'] = true, ['s'] = true, ['t'] = true, ['u'] = true,
    ['v'] = true, ['w'] = true, ['x'] = true, ['y'] = true, ['z'] = true,
};

bool ascii_is_tchar(char c) {
    return tchars[(unsigned char)c];
}

/* Length of the well-formed UTF-8 sequence at `p`, 0 where there is none (RFC 3629 section 4). */
static size_t utf8_sequence(const unsigned char *p, size_t len) {
    if (p[0] < 0x80) return 1;
    if (p[0] < 0xC2 || p[0] > 0xF4) return 0;
    size_t want = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    if (len < want) return 0;
    for (size_t i = 1; i < want; i++) {
        if ((p[i] & 0xC0) != 0x80) return 0;
    }
    if (p[0] == 0xE0 && p[1] < 0xA0) return 0;
    if (p[0] == 0xED && p[1] > 0x9F) return 0;
    if (p[0] == 0xF0 && p[1] < 0x90) return 0;
    if (p[0] == 0xF4 && p[1] > 0x8F) return 0;
    return want;
}

bool str_is_utf8(struct str s) {
    for (size_t i = 0; i < s.len;) {
        size_t step = utf8_sequence((const unsigned char *)s.ptr + i, s.len - i);
        if (step == 0) return false;
        i += step;
    }
    return true;
}
