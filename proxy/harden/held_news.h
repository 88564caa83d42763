/* held_news.h: what the background check has to tell, as records and lines of the log. */
#ifndef PROXY_HARDEN_HELD_NEWS_H
#define PROXY_HARDEN_HELD_NEWS_H

#include "proxy/harden/held_check.h"

/* The steps that were lost or mended, and administrator mode. */
void held_news_drift(struct access_log *log, const struct held_check *check,
                     const struct drift_news *news);
/* The check saw less than the last one, or saw all again; the names of why, "" for neither. */
void held_news_trouble(struct access_log *log, const struct held_check *check, const char *before,
                       const char *now);
/* People are kept out from now on, or not any more: "hardening_lost", "hardening_unknown",
 * "mended", "configuration". */
void held_news_restriction(struct access_log *log, const struct config_phone *phone,
                           bool restricted, const char *reason);

#endif
