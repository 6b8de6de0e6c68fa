/* lib/text/uuid.c: version 7 of RFC 9562. */
#include "text/uuid.h"
#include "tap.h"

int main(void)
{
    static const struct {
        const char *text;
        bool valid;
    } rows[] = {
        {"017f22e2-79b0-7cc3-98c4-dc0c0c07398f", true},
        {"00000000-0000-0000-0000-000000000000", true},
        {"017F22E2-79B0-7CC3-98C4-DC0C0C07398F", false},
        {"017f22e2-79b0-7cc3-98c4-dc0c0c07398", false},
        {"017f22e2-79b0-7cc3-98c4-dc0c0c07398f0", false},
        {"017f22e279b0-7cc3-98c4-dc0c0c07398f00", false},
        {"017f22e2-79b0-7cc3-98c4-dc0c0c07398g", false},
        {"017f22e2-79b0-7cc3-98c4_dc0c0c07398f", false},
        {"{17f22e2-79b0-7cc3-98c4-dc0c0c07398f", false},
        {"", false},
        {"-", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        ok(uuid_valid(rows[i].text) == rows[i].valid, rows[i].text);

    char a[UUID_TEXT], b[UUID_TEXT];
    static const uint8_t zero[10], ones[10] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
    static const uint8_t example[10] = {0x0c, 0xc3, 0x18, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f};
    is_str(uuid_print(0x017f22e279b0, example, a), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f",
           "the example of RFC 9562, A.6");
    is_str(uuid_print(0, zero, a), "00000000-0000-7000-8000-000000000000", "version and variant");
    is_str(uuid_print(INT64_C(0xffffffffffff), ones, a), "ffffffff-ffff-7fff-bfff-ffffffffffff",
           "all ones");
    int wrong = 0;
    for (int64_t ms = 0; ms < INT64_C(0xffffffff0000); ms += INT64_C(0x12345678901)) {
        uuid_print(ms, ones, a);
        uuid_print(ms + 1, zero, b);
        wrong += strcmp(a, b) >= 0 || !uuid_valid(a) || !uuid_valid(b);
    }
    is_int(wrong, 0, "they sort by time");
    return tap_end();
}
