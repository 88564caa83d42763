/* The MAC of a phone: one spelling, and no two phones with the same. */
#include "policy/base/mac.h"
#include "proxy/config/loader.h"

struct str load_mac(struct loader *l, const config_setting_t *at, struct str text,
                    struct strmap *macs) {
    char mac[MAC_HEX];
    if (!mac_read(text, mac)) {
        reader_error(&l->reader, at,
                     "\"%.80s\" is no MAC of a phone: write 12 hexadecimal digits, as in "
                     "\"000413A1B2C3\" or \"00:04:13:a1:b2:c3\"",
                     text.ptr);
        return STR_NONE;
    }
    struct str copy = arena_copy(l->reader.arena, (struct str){mac, sizeof(mac)});
    ENSURE(copy.ptr != NULL);
    size_t line;
    if (strmap_add(macs, copy, at->line, &line)) return copy;
    struct problem_place first = source_place(&l->source, (unsigned)line);
    reader_error(&l->reader, at, "MAC %s stands already at %s:%u", copy.ptr, first.file,
                 first.line);
    return STR_NONE;
}
