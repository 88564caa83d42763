#include "policy/access/when.h"

#define DAY_S      86400
#define DAY_MIN    1440
#define YEAR_FIRST 1971 /* so that no point in time is 0 */

/* ---- points in time ---- */

static bool is_leap(unsigned year) {
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static unsigned days_of_month(unsigned year, unsigned month) {
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year) ? 1U : 0U);
}

/* Days from 1970-01-01 to a date that exists. */
static int64_t days_to(unsigned year, unsigned month, unsigned day) {
    unsigned before = year - 1; /* whole years since the year 1 */
    unsigned days = before * 365 + before / 4 - before / 100 + before / 400;
    for (unsigned m = 1; m < month; m++) days += days_of_month(year, m);
    return (int64_t)(days + day - 1) - 719162; /* the same sum for 1970-01-01 */
}

/* Exactly `len` digits at `from`. */
static bool number_at(struct str text, size_t from, size_t len, unsigned max, unsigned *value) {
    *value = 0;
    if (from + len > text.len) return false;
    for (size_t i = from; i < from + len; i++) {
        if (!ascii_is_digit(text.ptr[i])) return false;
        *value = 10 * *value + (unsigned)(text.ptr[i] - '0');
    }
    return *value <= max;
}

static bool char_at(struct str text, size_t at, char c) {
    return at < text.len && text.ptr[at] == c;
}

static bool date_at(struct str text, int64_t *days) {
    unsigned year, month, day;
    if (!number_at(text, 0, 4, 9999, &year) || !char_at(text, 4, '-') ||
        !number_at(text, 5, 2, 12, &month) || !char_at(text, 7, '-') ||
        !number_at(text, 8, 2, 31, &day))
        return false;
    if (year < YEAR_FIRST || month == 0 || day == 0 || day > days_of_month(year, month))
        return false;
    *days = days_to(year, month, day);
    return true;
}

/* "Z" or "+hh:mm" up to the end of the text. */
static bool zone_at(struct str text, size_t at, int64_t *offset_s) {
    *offset_s = 0;
    if (char_at(text, at, 'Z')) return at + 1 == text.len;
    bool west = char_at(text, at, '-');
    unsigned hours, minutes;
    if ((!west && !char_at(text, at, '+')) || !number_at(text, at + 1, 2, 23, &hours) ||
        !char_at(text, at + 3, ':') || !number_at(text, at + 4, 2, 59, &minutes))
        return false;
    int64_t offset = (int64_t)hours * 3600 + (int64_t)minutes * 60;
    *offset_s = west ? -offset : offset;
    return at + 6 == text.len;
}

bool when_parse(struct str text, bool day_over, int64_t *utc_s) {
    int64_t days, offset;
    unsigned hour, minute, second;
    if (!date_at(text, &days)) return false;
    *utc_s = (days + (day_over ? 1 : 0)) * DAY_S;
    if (text.len == 10) return true;
    if (!char_at(text, 10, 'T') || !number_at(text, 11, 2, 23, &hour) || !char_at(text, 13, ':') ||
        !number_at(text, 14, 2, 59, &minute) || !char_at(text, 16, ':') ||
        !number_at(text, 17, 2, 59, &second) || !zone_at(text, 19, &offset))
        return false;
    *utc_s = days * DAY_S + (int64_t)hour * 3600 + (int64_t)minute * 60 + second - offset;
    return true;
}

/* ---- hours of a week ---- */

/* 0 is Monday. */
static bool day_from(struct str name, unsigned *day) {
    static const struct str names[] = {{"mon", 3}, {"tue", 3}, {"wed", 3}, {"thu", 3},
                                       {"fri", 3}, {"sat", 3}, {"sun", 3}};
    for (*day = 0; *day < ARRAY_LEN(names); ++*day)
        if (str_equal(names[*day], name)) return true;
    return false;
}

/* "mon", "mon-fri", "fri-mon", and lists of these with commas. */
static bool days_from(struct str text, uint8_t *days) {
    struct str piece;
    *days = 0;
    while (str_split(&text, ',', &piece)) {
        size_t dash = str_find(piece, '-', 0);
        unsigned day, last;
        if (!day_from(str_part(piece, 0, dash), &day)) return false;
        last = day;
        if (dash < piece.len && !day_from(str_part(piece, dash + 1, piece.len), &last))
            return false;
        for (; day != last; day = (day + 1) % 7) *days = (uint8_t)(*days | 1U << day);
        *days = (uint8_t)(*days | 1U << last);
    }
    return true;
}

static bool time_at(struct str text, size_t at, uint16_t *minutes) {
    unsigned hour, minute;
    if (!number_at(text, at, 2, 24, &hour) || !char_at(text, at + 2, ':') ||
        !number_at(text, at + 3, 2, 59, &minute) || (hour == 24 && minute > 0))
        return false;
    *minutes = (uint16_t)(hour * 60 + minute);
    return true;
}

bool when_hours_parse(struct str text, struct when_hours *hours) {
    size_t blank = str_find(text, ' ', 0);
    hours->days = 0x7f;
    struct str span = text;
    if (blank < text.len) {
        if (!days_from(str_part(text, 0, blank), &hours->days)) return false;
        span = str_part(text, blank + 1, text.len);
    }
    if (span.len != 11 || !char_at(span, 5, '-') || !time_at(span, 0, &hours->from_min) ||
        !time_at(span, 6, &hours->to_min))
        return false;
    return hours->from_min < DAY_MIN && hours->from_min != hours->to_min;
}

static bool hours_hold(const struct when_hours *hours, unsigned day, unsigned minute) {
    bool today = (hours->days >> day & 1U) != 0;
    if (hours->from_min < hours->to_min)
        return today && minute >= hours->from_min && minute < hours->to_min;
    bool yesterday = (hours->days >> (day + 6) % 7 & 1U) != 0;
    return (today && minute >= hours->from_min) || (yesterday && minute < hours->to_min);
}

bool when_in_hours(const struct when_hours *hours, size_t count, const struct when *now) {
    int64_t local = now->utc_s + now->local_offset_s;
    if (now->utc_s <= 0 || local < 0) return false;
    unsigned day = (unsigned)((local / DAY_S + 3) % 7); /* 1970-01-01 was a Thursday */
    unsigned minute = (unsigned)(local % DAY_S / 60);
    for (size_t i = 0; i < count; i++)
        if (hours_hold(&hours[i], day, minute)) return true;
    return false;
}
