#include "text/uuid.h"

char *uuid_print(int64_t ms, const uint8_t r[10], char text[UUID_TEXT])
{
    uint64_t t = (uint64_t)ms;
    snprintf(text, UUID_TEXT, "%08x-%04x-7%01x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
             (unsigned)(t >> 16 & 0xffffffff), (unsigned)(t & 0xffff), r[0] & 0x0fu, r[1],
             (r[2] & 0x3fu) | 0x80u, r[3], r[4], r[5], r[6], r[7], r[8], r[9]);
    return text;
}

bool uuid_valid(const char *text)
{
    for (int i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : !text[i] || !strchr("0123456789abcdef", text[i]))
            return false;
    }
    return text[36] == '\0';
}
