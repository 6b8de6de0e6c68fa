/* Known answers, and that pieces give what the whole gives. */
#include "tap.h"
#include "text/sum.h"

static unsigned char bytes[100000];

static bool pieces(uint32_t (*sum)(uint32_t, const void *, size_t), uint32_t start)
{
    uint32_t whole = sum(start, bytes, sizeof(bytes));
    for (size_t step = 1; step < 100; step += 7) {
        uint32_t s = start;
        for (size_t at = 0; at < sizeof(bytes); at += step)
            s = sum(s, bytes + at, sizeof(bytes) - at < step ? sizeof(bytes) - at : step);
        if (s != whole)
            return false;
    }
    return true;
}

int main(void)
{
    unsigned char run[32];
    is_int(sum_adler32(SUM_ADLER32_START, "", 0), 1, "adler32 of nothing");
    is_int(sum_adler32(SUM_ADLER32_START, "a", 1), 0x00620062, "adler32 of a");
    is_int(sum_adler32(SUM_ADLER32_START, "Wikipedia", 9), 0x11e60398, "adler32 of Wikipedia");
    is_int(sum_crc32c(0, "", 0), 0, "crc32c of nothing");
    is_int(sum_crc32c(0, "123456789", 9), 0xe3069283, "crc32c of 123456789");
    memset(run, 0, sizeof(run)); /* RFC 3720, B.4 */
    is_int(sum_crc32c(0, run, sizeof(run)), 0x8a9136aa, "crc32c of 32 bytes of 0");
    memset(run, 0xff, sizeof(run));
    is_int(sum_crc32c(0, run, sizeof(run)), 0x62a8ab43, "crc32c of 32 bytes of ff");
    for (unsigned i = 0; i < sizeof(run); i++)
        run[i] = (unsigned char)i;
    is_int(sum_crc32c(0, run, sizeof(run)), 0x46dd794e, "crc32c of 0 to 1f");
    memset(bytes, 0xff, sizeof(bytes)); /* the highest sums adler32 meets */
    ok(pieces(sum_adler32, SUM_ADLER32_START), "adler32 in pieces");
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(i * i >> 3);
    ok(pieces(sum_crc32c, 0), "crc32c in pieces");
    return tap_end();
}
