import type { AddressPlace, FindAddressPlace } from "../address-place.ts";

const nowhere: AddressPlace = {
  ...{ isInside: false, network: "internet", site: "", vlan: null, country: "", asNumber: null, asName: "" },
};
const own = { isInside: true, network: "office", site: "here", vlan: 20 };
const bank = { country: "CH", asNumber: 64500, asName: "Bank" };

/** 10.0.20.* is the office, 10.0.30.* the lab, 10.* else a network without a name; 192.0.2.* is a bank, all else the internet. */
export const findTestPlace: FindAddressPlace = (address) => {
  if (!/^[\d.]+$/.test(address)) return undefined;
  if (address.startsWith("10.0.20.")) return { ...nowhere, ...own };
  if (address.startsWith("10.0.30.")) return { ...nowhere, ...own, network: "lab", vlan: 30 };
  if (address.startsWith("10.")) return { ...nowhere, isInside: true, network: "10.0.0.0/24" };
  return address.startsWith("192.0.2.") ? { ...nowhere, ...bank } : nowhere;
};
