/* UUIDs, version 7 (RFC 9562): ids sort by the time they were made. */
#ifndef TEXT_UUID_H
#define TEXT_UUID_H

#include "text/base.h"

#define UUID_TEXT 37
/* ms since 1970 and ten random bytes make an id. Returns text. */
char *uuid_print(int64_t ms, const uint8_t random[10], char text[UUID_TEXT]);
/* Lower-case 8-4-4-4-12, any version. */
bool uuid_valid(const char *text);

#endif
