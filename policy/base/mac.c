#include "policy/base/mac.h"

static bool is_separator(char c) {
    return c == ':' || c == '-' || c == '.' || c == ' ';
}

/* How many digits stand in one group: 12 where there is no separator, 0 where the length fits no
 * spelling. 12 digits in groups of n have 12/n - 1 separators. */
static size_t group_of(size_t len) {
    static const size_t groups[] = {12, 6, 4, 2};
    for (size_t i = 0; i < ARRAY_LEN(groups); i++)
        if (len == MAC_HEX + MAC_HEX / groups[i] - 1) return groups[i];
    return 0;
}

static char upper(char c) {
    return (char)(c >= 'a' && c <= 'f' ? c - 'a' + 'A' : c);
}

bool mac_read(struct str text, char mac[MAC_HEX]) {
    size_t group = group_of(text.len), count = 0, zeros = 0;
    if (group == 0) return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (i % (group + 1) == group) {
            if (!is_separator(c) || c != text.ptr[group]) return false;
        } else {
            if (!ascii_is_hex(c)) return false;
            zeros += c == '0';
            mac[count++] = upper(c);
        }
    }
    bool of_group = (ascii_hex_value(mac[1]) & 1) != 0; /* the lowest bit of the first octet */
    return zeros < MAC_HEX && !of_group;
}
