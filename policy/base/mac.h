/* mac.h: the address burnt into a phone, by which it asks for its settings.
 *
 * People, switches and spreadsheets spell it in many ways; here it has one: 12 hex digits in upper
 * case, as it stands in the names of provisioning files. */
#ifndef POLICY_BASE_MAC_H
#define POLICY_BASE_MAC_H

#include "policy/base/str.h"

#define MAC_HEX 12

/* `text` is 12 hex digits in either case, bare or in groups of two, four or six, with the same sign
 * between all groups: one of : - . or a blank. False, and `mac` undefined, on anything else, and on
 * what no phone can have: all zeros, and addresses of groups (broadcast, multicast). */
MUST_USE bool mac_read(struct str text, char mac[MAC_HEX]);

#endif
