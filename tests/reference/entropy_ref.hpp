// Slow, obvious reference of the entropies: eqs. 18-20 of the source as they stand, in long double.
#pragma once

#include <cmath>
#include <vector>

namespace grainfield::reference {

// - sum p ln p, p = |q| / sum |q|.
inline long double shannon(const std::vector<double>& q) {
  long double total = 0, s = 0;
  for (const double v : q) total += std::fabs(v);
  for (const double v : q) {
    const long double p = std::fabs(v) / total;
    if (p > 0) s -= p * std::log(p);
  }
  return s;
}

inline std::vector<double> chosen(const std::vector<double>& q, const std::vector<bool>& which) {
  std::vector<double> some;
  for (size_t i = 0; i < q.size(); ++i)
    if (which[i]) some.push_back(q[i]);
  return some;
}

struct EntropyReference {
  double all = 0, bulk = 0;
  double excess = 0;   // N_GB (S_all - S_bulk)
  double deficit = 0;  // N_all (ln N_all - S_all) - N_bulk (ln N_bulk - S_bulk)
};
inline EntropyReference entropies(const std::vector<double>& q, const std::vector<bool>& is_bulk) {
  const std::vector<double> bulk = chosen(q, is_bulk);
  const long double s_all = shannon(q), s_bulk = shannon(bulk);
  const auto n_all = static_cast<long double>(q.size()), n_bulk = static_cast<long double>(bulk.size());
  return {static_cast<double>(s_all), static_cast<double>(s_bulk),
          static_cast<double>((n_all - n_bulk) * (s_all - s_bulk)),
          static_cast<double>(n_all * (std::log(n_all) - s_all) - n_bulk * (std::log(n_bulk) - s_bulk))};
}

inline double pearson(const std::vector<double>& x, const std::vector<double>& y) {
  long double mx = 0, my = 0, xy = 0, xx = 0, yy = 0;
  for (size_t i = 0; i < x.size(); ++i) mx += x[i], my += y[i];
  mx /= static_cast<long double>(x.size());
  my /= static_cast<long double>(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    xy += (x[i] - mx) * (y[i] - my);
    xx += (x[i] - mx) * (x[i] - mx);
    yy += (y[i] - my) * (y[i] - my);
  }
  return static_cast<double>(xy / std::sqrt(xx * yy));
}

}  // namespace grainfield::reference
